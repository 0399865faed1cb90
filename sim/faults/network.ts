import type { MemberId } from '../../src/base/ids.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { someRunning, type Fault, type FaultScene } from './scene.js';
import { straggler } from './straggler.js';

function machinesOf(cluster: Cluster): Machine[] {
  return cluster.machines.filter((each) => !each.lost && !each.retired);
}

function idsOf(machines: readonly Machine[]): MemberId[] {
  return machines.map((each) => each.id);
}

function names(machines: readonly Machine[]): string {
  return machines.map((each) => each.name).join(' ');
}

/** Around the election time-out, where it matters. */
function duration({ cluster, dice }: FaultScene): number {
  const { electionTimeoutMs } = cluster.options;
  return dice.ms(electionTimeoutMs / 10, electionTimeoutMs * dice.pick([1, 3, 10]));
}

/** Nothing passes between the sides. The connections may also close, which members take for the death of the other. */
function part(
  { cluster, dice }: FaultScene,
  left: readonly Machine[],
  right: readonly Machine[],
): () => void {
  const mend = cluster.network.partition(idsOf(left), idsOf(right));
  if (dice.chance(0.4)) {
    for (const one of left) for (const other of right) cluster.network.disconnect(one.id, other.id);
  }
  return mend;
}

const partition: Fault = (scene) => {
  const { cluster, dice } = scene;
  const all = dice.shuffled(machinesOf(cluster));
  if (all.length < 2) return undefined;
  const at = dice.between(1, all.length - 1);
  const [left, right] = [all.slice(0, at), all.slice(at)];
  scene.lasts(duration(scene), part(scene, left, right));
  return `${names(left)} | ${names(right)}`;
};

const isolateLeader: Fault = (scene) => {
  const { cluster } = scene;
  const leader = cluster.leader();
  if (leader === undefined) return undefined;
  const others = machinesOf(cluster).filter((each) => each !== leader);
  scene.lasts(duration(scene), part(scene, [leader], others));
  return leader.name;
};

function twoOf({ cluster, dice }: FaultScene): [Machine, Machine] | undefined {
  const [one, other] = dice.shuffled(machinesOf(cluster));
  return one === undefined || other === undefined ? undefined : [one, other];
}

const cutOneWay: Fault = (scene) => {
  const { cluster, dice } = scene;
  if (dice.chance(0.5)) {
    const pair = twoOf(scene);
    if (pair === undefined) return undefined;
    scene.lasts(duration(scene), cluster.network.cut(pair[0].id, pair[1].id));
    return `${pair[0].name} to ${pair[1].name}`;
  }
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  const outward = dice.chance(0.5);
  const ends = machinesOf(cluster)
    .filter((each) => each !== machine)
    .map((each) =>
      outward ? cluster.network.cut(machine.id, each.id) : cluster.network.cut(each.id, machine.id),
    );
  scene.lasts(duration(scene), () => {
    for (const end of ends) end();
  });
  return `${outward ? 'from' : 'to'} ${machine.name}`;
};

/** Two halves that do not see each other, and one member that sees both. */
const bridge: Fault = (scene) => {
  const { cluster, dice } = scene;
  const all = dice.shuffled(machinesOf(cluster));
  if (all.length < 3) return undefined;
  const [between, ...rest] = all;
  const at = Math.floor(rest.length / 2);
  const [left, right] = [rest.slice(0, at), rest.slice(at)];
  scene.lasts(duration(scene), part(scene, left, right));
  return `${names(left)} | ${between!.name} | ${names(right)}`;
};

/** A connection that comes and goes, faster than elections. */
const flap: Fault = (scene) => {
  const { cluster, dice } = scene;
  const pair = twoOf(scene);
  if (pair === undefined) return undefined;
  const [one, other] = pair;
  const periodMs = dice.ms(5, cluster.options.electionTimeoutMs);
  let mend: (() => void) | undefined;
  let ended = false;
  const turn = (): void => {
    if (ended) return;
    if (mend === undefined) mend = cluster.network.partition([one.id], [other.id]);
    else {
      mend();
      mend = undefined;
    }
    cluster.clock.setTimer(periodMs, turn);
  };
  turn();
  scene.lasts(duration(scene) * 2, () => {
    ended = true;
    mend?.();
  });
  return `${one.name} ${other.name} every ${periodMs.toFixed(0)} ms`;
};

/** Whoever leads is cut off soon after, again and again: logs grow apart in term after term (paper figure 8). */
const chaseLeaders: Fault = (scene) => {
  const { cluster, dice } = scene;
  if (machinesOf(cluster).length < 3) return undefined;
  const { electionTimeoutMs } = cluster.options;
  const graceMsMax = dice.pick([1, electionTimeoutMs / 20, electionTimeoutMs / 2]);
  let victim: Machine | undefined;
  let mend: (() => void) | undefined;
  let waits = false;
  let ended = false;
  const strike = (): void => {
    waits = false;
    const leader = cluster.leader();
    if (ended || leader === undefined || leader === victim) return;
    mend?.();
    victim = leader;
    const others = machinesOf(cluster).filter((each) => each !== leader);
    mend = part(scene, [leader], others);
  };
  const aim = (): void => {
    if (waits) return;
    waits = true;
    cluster.clock.setTimer(dice.ms(0, graceMsMax), strike);
  };
  strike();
  cluster.leaderListeners.add(aim);
  scene.lasts(electionTimeoutMs * dice.between(3, 15), () => {
    ended = true;
    cluster.leaderListeners.delete(aim);
    mend?.();
  });
  return `each for up to ${graceMsMax} ms`;
};

const slowLink: Fault = (scene) => {
  const { cluster, dice } = scene;
  const pair = twoOf(scene);
  if (pair === undefined) return undefined;
  const [one, other] = pair;
  const latencyMsMin = dice.ms(1, cluster.options.electionTimeoutMs * 2);
  const latencyMsMax = latencyMsMin * dice.pick([1, 2]);
  cluster.network.setLink(one.id, other.id, { latencyMsMin, latencyMsMax });
  scene.lasts(duration(scene), () => cluster.network.setLink(one.id, other.id, undefined));
  return `${one.name} to ${other.name}, ${latencyMsMin.toFixed(0)} ms`;
};

/** Between two, messages wait for those before them. */
const narrowLink: Fault = (scene) => {
  const { cluster, dice } = scene;
  const pair = twoOf(scene);
  if (pair === undefined) return undefined;
  const [one, other] = pair;
  const bandwidthBytesPerMs = dice.pick([5, 20, 100]);
  cluster.network.setLink(one.id, other.id, { bandwidthBytesPerMs });
  cluster.network.setLink(other.id, one.id, { bandwidthBytesPerMs });
  scene.lasts(duration(scene), () => {
    cluster.network.setLink(one.id, other.id, undefined);
    cluster.network.setLink(other.id, one.id, undefined);
  });
  return `${one.name} and ${other.name}, ${bandwidthBytesPerMs} bytes/ms`;
};

const lossyLink: Fault = (scene) => {
  const { cluster, dice } = scene;
  const pair = twoOf(scene);
  if (pair === undefined) return undefined;
  const [one, other] = pair;
  const conditions = {
    lossProbability: dice.pick([0.1, 0.5, 0.9]),
    duplicateProbability: dice.pick([0, 0.3]),
    reorders: dice.chance(0.5),
  };
  cluster.network.setLink(one.id, other.id, conditions);
  scene.lasts(duration(scene), () => cluster.network.setLink(one.id, other.id, undefined));
  return `${one.name} to ${other.name}, ${conditions.lossProbability}`;
};

/**
 * A leader hears its followers late, while they hear it: what it believes of them is old. It may then no longer be
 * heard either.
 */
const lateAnswers: Fault = (scene) => {
  const { cluster, dice } = scene;
  const leader = cluster.leader();
  if (leader === undefined) return undefined;
  const { electionTimeoutMs } = cluster.options;
  const lateMs = dice.ms(electionTimeoutMs / 10, electionTimeoutMs);
  const others = machinesOf(cluster).filter((each) => each !== leader);
  const conditions = { latencyMsMin: lateMs, latencyMsMax: lateMs };
  for (const { id } of others) cluster.network.setLink(id, leader.id, conditions);
  let cuts: (() => void)[] = [];
  let ended = false;
  if (dice.chance(0.5)) {
    cluster.clock.setTimer(dice.ms(0, electionTimeoutMs * 2), () => {
      if (!ended) cuts = others.map(({ id }) => cluster.network.cut(leader.id, id));
    });
  }
  scene.lasts(electionTimeoutMs * dice.between(1, 5), () => {
    ended = true;
    for (const mend of cuts) mend();
    for (const { id } of others) cluster.network.setLink(id, leader.id, undefined);
  });
  return `${lateMs.toFixed(0)} ms to ${leader.name}`;
};

const disconnect: Fault = (scene) => {
  const pair = twoOf(scene);
  if (pair === undefined) return undefined;
  const [one, other] = pair;
  scene.cluster.network.disconnect(one.id, other.id);
  return `${one.name} ${other.name}`;
};

export const networkFaults = {
  partition,
  'isolate-leader': isolateLeader,
  'chase-leaders': chaseLeaders,
  'cut-one-way': cutOneWay,
  bridge,
  flap,
  'slow-link': slowLink,
  'narrow-link': narrowLink,
  'lossy-link': lossyLink,
  'late-answers': lateAnswers,
  straggler,
  disconnect,
};
