import { writeFile } from 'node:fs/promises';
import { randomInt, type RandomSource } from '../../../src/base/prng.js';
import type { ClusterMember } from '../../system/processes/cluster-member.js';
import { fillDisks } from './full-disks.js';
import { hangDiskOfLeader } from './hung-disks.js';
import type { End, Fault, Scene } from './scene.js';
import { slowLinks } from './slow-links.js';

type Link = readonly [from: number, to: number];

function others({ net }: Scene, machine: number): number[] {
  return net.machines.filter((each) => each !== machine);
}

function anyOf<T>(random: RandomSource, choices: readonly T[]): T {
  return choices[randomInt(random, choices.length)]!;
}

async function cutLinks({ net }: Scene, links: readonly Link[]): Promise<End> {
  for (const [from, to] of links) await net.cut(from, to);
  return async () => {
    for (const [from, to] of links) await net.mend(from, to);
  };
}

function bothWays(links: readonly Link[]): Link[] {
  return links.flatMap(([from, to]): Link[] => [
    [from, to],
    [to, from],
  ]);
}

function around(scene: Scene, machine: number): Link[] {
  return bothWays(others(scene, machine).map((each): Link => [machine, each]));
}

function pause(member: ClusterMember): Promise<End> {
  member.pause();
  return Promise.resolve(() => {
    member.resume();
    return Promise.resolve();
  });
}

function follower(scene: Scene): number {
  return anyOf(scene.random, others(scene, scene.leader));
}

export const faults: Readonly<Record<string, Fault>> = {
  'leader alone': (scene) => cutLinks(scene, around(scene, scene.leader)),

  'follower alone': (scene) => cutLinks(scene, around(scene, follower(scene))),

  'no majority anywhere': (scene) =>
    cutLinks(
      scene,
      scene.net.machines.flatMap((from) => others(scene, from).map((to): Link => [from, to])),
    ),

  'leader is not heard': (scene) =>
    cutLinks(
      scene,
      others(scene, scene.leader).map((to) => [scene.leader, to]),
    ),

  'leader hears nobody': (scene) =>
    cutLinks(
      scene,
      others(scene, scene.leader).map((from) => [from, scene.leader]),
    ),

  'one way between two': (scene) => {
    const from = anyOf(scene.random, scene.net.machines);
    return cutLinks(scene, [[from, anyOf(scene.random, others(scene, from))]]);
  },

  'bridge: two reach each other through the third alone': (scene) => {
    const middle = anyOf(scene.random, scene.net.machines);
    const [left, right] = others(scene, middle);
    return cutLinks(scene, bothWays([[left!, right!]]));
  },

  'link that flaps': async (scene) => {
    const links = around(scene, scene.leader);
    let mend = await cutLinks(scene, links);
    let ended = false;
    let toggling = Promise.resolve();
    const toggle = async (): Promise<void> => {
      await mend();
      mend = ended ? () => Promise.resolve() : await cutLinks(scene, links);
    };
    const again = (): void => {
      toggling = toggling.then(toggle);
    };
    const timer = setInterval(again, 200 + randomInt(scene.random, 300));
    return async () => {
      clearInterval(timer);
      ended = true;
      await toggling;
      await mend();
    };
  },

  'lost packets': async ({ net, random }) => {
    for (const at of net.machines) await net.lose(at, 5 + randomInt(random, 25));
    return async () => {
      for (const at of net.machines) await net.loseNothing(at);
    };
  },

  'late packets': async ({ net, random }) => {
    for (const at of net.machines)
      await net.delay(at, 10 + randomInt(random, 200), 200 + randomInt(random, 800));
    return async () => {
      for (const at of net.machines) await net.delayNothing(at);
    };
  },

  'slow links': slowLinks,

  'hung disk of the leader': hangDiskOfLeader,

  'kill -9': async ({ members, random }) => {
    const member = anyOf(random, members);
    await member.crash();
    return async () => {
      await member.start();
    };
  },

  'kill -9 of all': async ({ members }) => {
    await Promise.all(members.map((member) => member.crash()));
    return async () => {
      await Promise.all(members.map((member) => member.start()));
    };
  },

  'full disk': (scene) => fillDisks(scene, [anyOf(scene.random, scene.net.machines)]),

  'full disks everywhere': (scene) => fillDisks(scene, scene.net.machines),

  'paused leader': ({ members, leader }) => pause(members[leader - 1]!),

  'leader that was paused and wakes up alone': async (scene) => {
    const mend = await cutLinks(scene, around(scene, scene.leader));
    const resume = await pause(scene.members[scene.leader - 1]!);
    return async () => {
      await resume();
      // What it says now, it says without having heard of the others.
      await new Promise((resolve) => setTimeout(resolve, 300));
      await mend();
    };
  },

  'clock that jumps': async ({ clockFiles, random }) => {
    for (const path of clockFiles.values()) {
      const seconds = randomInt(random, 200_000) - 100_000;
      await writeFile(path, `${seconds < 0 ? '' : '+'}${seconds}`);
    }
    return () => Promise.resolve();
  },
};
