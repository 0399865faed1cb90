import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvorumError } from '../base/errors.js';
import type { CommandResult } from '../fsm/command.js';
import { memberDefaults } from './options.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** Three members, one of which is not the leader, and is asked for everything. */
async function throughFollower(seed: number): Promise<{ cluster: MemoryCluster; asked: Machine }> {
  const cluster = await MemoryCluster.of(3, seed, {}, { latencyMsMin: 1, latencyMsMax: 3 });
  return { cluster, asked: cluster.followers()[0]! };
}

/** Nothing goes between the two for so long; what was under way is lost. */
async function breakLink(cluster: MemoryCluster, one: Machine, other: Machine, forMs: number): Promise<void> {
  const heal = cluster.network.partition([one.id], [other.id]);
  cluster.network.disconnect(one.id, other.id);
  await cluster.clock.advanceAsync(forMs);
  heal();
}

void test('writes that a broken link lost are proposed again, in their order, and none is unknown', async () => {
  for (let seed = 400; seed < 410; seed++) {
    const { cluster, asked } = await throughFollower(seed);
    const leader = cluster.leaderMachine();
    const { term } = leader.member.status();
    const beganMs = cluster.clock.monotonicMs();
    const writes: Promise<unknown>[] = [];
    for (let at = 0; at < 200; at++) {
      writes.push(put(asked.member, 'key', `${at}`));
      if (at === 100) await breakLink(cluster, asked, leader, 20);
      else if (at % 10 === 0) await cluster.clock.advanceAsync(1);
    }
    await cluster.settled(Promise.all(writes));
    assert.equal(await cluster.settled(get(asked.member, 'key')), '199');
    assert.equal(leader.member.status().term, term);
    assert.ok(cluster.clock.monotonicMs() - beganMs < 1000, `${cluster.clock.monotonicMs() - beganMs} ms`);
  }
});

void test('so are those of which single messages are lost on a link that stays up', async () => {
  for (let seed = 420; seed < 430; seed++) {
    const { cluster, asked } = await throughFollower(seed);
    cluster.network.conditions.lossProbability = 0.2;
    const writes: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at++) {
      writes.push(put(asked.member, 'key', `${at}`));
      await cluster.clock.advanceAsync(5);
    }
    await cluster.settled(Promise.all(writes));
    assert.equal(await cluster.settled(get(asked.member, 'key')), '99');
  }
});

void test('a way on which everything was lost for long is soon used again', async () => {
  const { heartbeatIntervalMs } = memberDefaults;
  const cluster = await MemoryCluster.of(3, 435, { requestTimeoutMs: 200 * heartbeatIntervalMs });
  const asked = cluster.followers()[0]!;
  const end = cluster.network.hold(({ from, message }) => from === asked.id && message?.type === 'propose');
  const write = put(asked.member, 'key', 'x');
  // It has been sent after 6, 12 and 24 ticks more.
  await cluster.clock.advanceAsync(44 * heartbeatIntervalMs);
  end();
  const freeMs = cluster.clock.monotonicMs();
  await cluster.settled(write);
  const waitedMs = cluster.clock.monotonicMs() - freeMs;
  assert.ok(waitedMs <= 25 * heartbeatIntervalMs, `${waitedMs} ms`);
});

void test('writes do not wait behind one that is applied, whose outcome the leader could not tell', async () => {
  for (const timeoutMs of [150, undefined]) {
    const cluster = await MemoryCluster.of(3, 436, { proposalsRemembered: 1 });
    const asked = cluster.followers()[0]!;
    const late: (() => void)[] = [];
    let isFirst = true;
    const end = cluster.network.hold(({ to, message }, arrive) => {
      if (to !== asked.id) return false;
      if (message?.type === 'append' && isFirst) late.push(arrive);
      return (message?.type === 'append' && isFirst) || message?.type === 'propose-response';
    });
    const first = put(asked.member, 'first', 'x', { timeoutMs }).catch((error: unknown) => error);
    await cluster.clock.advanceAsync(400);
    isFirst = false;
    for (const arrive of late) arrive();
    await cluster.settled(first);
    await cluster.settled(put(asked.member, 'second', 'x'));
    end();
    await cluster.clock.advanceAsync(2000);
    const beganMs = cluster.clock.monotonicMs();
    await cluster.settled(put(asked.member, 'third', 'x'));
    const tookMs = cluster.clock.monotonicMs() - beganMs;
    assert.ok(tookMs < 1000, `${tookMs} ms`);
  }
});

void test('writes behind one that the leader had no room for are refused with it, and none that come later', async () => {
  const options = { uncommittedSizeBytesMax: 4000, entrySizeBytesMax: 2000 };
  const cluster = await MemoryCluster.of(3, 440, options, { latencyMsMin: 25, latencyMsMax: 25 });
  const [asked] = cluster.followers();
  const outcomes: string[] = [];
  const write = (at: number): Promise<unknown> =>
    put(asked!.member, 'key', `${at}`.padEnd(at > 50 && at < 70 ? 1500 : 20)).then(
      () => (outcomes[at] = 'done'),
      (error: unknown) => (outcomes[at] = (error as KvorumError).code),
    );
  const writes: Promise<unknown>[] = [];
  for (let at = 0; at < 400; at++) {
    writes.push(write(at));
    await cluster.clock.advanceAsync(5);
  }
  await cluster.settled(Promise.all(writes));
  assert.ok(outcomes.includes('LIMIT_EXCEEDED'), 'there was no room for a while');
  assert.deepEqual(new Set(outcomes.slice(200)), new Set(['done']));
});

void test('writes that a leader turns down while it hands over go before those that came since', async () => {
  for (let seed = 450; seed < 475; seed++) {
    const options = { heartbeatIntervalMs: 20, electionTimeoutMs: 200 };
    const cluster = await MemoryCluster.of(3, seed, options, { latencyMsMin: 4, latencyMsMax: 9 });
    await cluster.clock.advanceAsync(seed % options.heartbeatIntervalMs);
    const leader = cluster.leaderMachine();
    const [asked, target] = cluster.followers();
    // It never hears that it is to lead: the leader gives up after an election time-out.
    const heal = cluster.network.partition([leader.id], [target!.id]);
    const handedOver = leader.member.transferLeadership(target!.id).catch(() => undefined);
    const writes: Promise<CommandResult>[] = [];
    const { clock } = asked!.life!;
    const nextTurn = clock.nextTurn.bind(clock);
    let askedMs = 0;
    // They come between a message, which may turn down the one before, and the turn that the message brings about.
    clock.nextTurn = (turn) => {
      nextTurn(() => {
        const now = clock.monotonicMs();
        if (now > askedMs + 7) writes.push(put(asked!.member, 'key', `${writes.length}`));
        askedMs = now;
        turn();
      });
    };
    await cluster.clock.advanceAsync(2 * options.electionTimeoutMs);
    clock.nextTurn = nextTurn;
    heal();
    const revisions = (await cluster.settled(Promise.all(writes))).map(({ revision }) => revision);
    const sorted = revisions.toSorted((left, right) => left - right);
    assert.deepEqual(revisions, sorted, `seed ${seed}`);
    await cluster.settled(handedOver);
  }
});
