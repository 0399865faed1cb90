import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { Launch } from '../system/processes/member-process.js';
import type { KvorumClient } from '../../src/client/index.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { drawSeed } from '../system/processes/seed.js';
import type { Attack } from './attacks/attack.js';
import { attacks } from './attacks/table.js';
import { judge } from './bounds.js';
import { MemoryGroup } from './memory-group.js';
import { describeOutcome, type Outcome } from './outcome.js';
import { fill, play } from './scene.js';

/** What a shell gives a process on most machines. */
const descriptorsMax = 1024;
/** For the segments, snapshots and sockets that a member opens in the course of its work. */
const descriptorsKept = 32;

const groupBytes = 1024 ** 3;
const largeValuesMs = 15_000;
const smallGroupBytes = 256 * 1024 ** 2;

function attackNamed(name: string): Attack {
  return attacks.find((attack) => attack.name === name)!;
}

/** Plays an attack on a cluster of one, whose process is started with `launch`. */
async function playAlone(
  t: TestContext,
  launch: Launch,
  attack: Attack,
  whileOpen: (pid: number) => void = () => {},
): Promise<Outcome> {
  const seed = drawSeed(t);
  const outcomes: Outcome[] = [];
  await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
    const member = cluster.add('node1', { launch });
    await cluster.found();
    await fill(cluster.client());
    const watching = setInterval(() => {
      if (member.isRunning) whileOpen(member.process.pid);
    }, 100);
    outcomes.push(await play(cluster, attack, seed).finally(() => clearInterval(watching)));
  });
  t.diagnostic(describeOutcome(outcomes[0]!));
  return outcomes[0]!;
}

describe('a member with 1024 descriptors', { skip: process.platform !== 'linux' }, () => {
  it('keeps those that it needs when 2,000 connections come', async (t) => {
    const launch = { prefix: ['prlimit', `--nofile=${descriptorsMax}:${descriptorsMax}`] };
    let most = 0;
    const outcome = await playAlone(t, launch, attackNamed('all-connections'), (pid) => {
      most = Math.max(most, readdirSync(`/proc/${pid}/fd`).length);
    });
    assert.deepEqual(judge(outcome), []);
    assert.ok(most <= descriptorsMax - descriptorsKept, `${most} descriptors were open`);
  });
});

describe('a member with 1 GiB of memory', () => {
  for (const name of [
    'unread-ranges',
    'whole-not-ended',
    'packed-messages',
    'unread-answers',
    'large-batches',
  ]) {
    const attack = attackNamed(name);
    it(`is not killed by who ${attack.does}`, async (t) => {
      const group = MemoryGroup.make(groupBytes);
      if (group === undefined) {
        t.skip('no control group can be made here');
        return;
      }
      try {
        const outcome = await playAlone(t, { prefix: group.prefix }, attack);
        assert.deepEqual(judge(outcome, attack.bounds), []);
      } finally {
        await group.remove();
      }
    });
  }
});

/** Puts values of 100 KiB, each caller one after the other, until `untilMs`. @returns how many were put */
async function putLargeValues(cluster: ProcessCluster, callers: number, untilMs: number): Promise<number> {
  const value = 'v'.repeat(100 * 1024);
  let put = 0;
  const caller = async (client: KvorumClient, key: string): Promise<void> => {
    while (performance.now() < untilMs) {
      await client.set(key, value);
      put++;
    }
  };
  const clients = Array.from({ length: callers / 16 }, () => cluster.client());
  await Promise.all(
    clients.flatMap((client, one) =>
      Array.from({ length: 16 }, (_none, other) => caller(client, `large-${one}-${other}`)),
    ),
  );
  return put;
}

describe('members with 256 MiB of memory', () => {
  for (const size of [1, 3]) {
    it(`are not killed by 256 callers that put 100 KiB each: ${size} of them`, async (t) => {
      const groups = Array.from({ length: size }, (_none, at) => MemoryGroup.make(smallGroupBytes, at));
      try {
        if (!groups.every((group) => group !== undefined)) {
          t.skip('no control group can be made here');
          return;
        }
        await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
          for (const [at, { prefix }] of groups.entries())
            cluster.add(`node${at + 1}`, { launch: { prefix } });
          await cluster.found();
          const lives = cluster.members.map(({ lives: { length } }) => length);
          const put = await putLargeValues(cluster, 256, performance.now() + largeValuesMs);
          t.diagnostic(`${put} values`);
          assert.deepEqual(
            cluster.members.map(({ isRunning, lives: { length } }) => (isRunning ? length : 'killed')),
            lives,
          );
        });
      } finally {
        for (const group of groups) await group?.remove();
      }
    });
  }
});
