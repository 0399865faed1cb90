import assert from 'node:assert/strict';
import { test } from 'node:test';
import { puts } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const all = bytes('\0');

/** Of some of `count` keys, as its own state shows them: a 1 for each that is there. */
function seen(machine: Machine, count: number): string {
  const some = [0, Math.floor(count / 2), count - 1].map((nth) => bytes(`key${nth}`));
  return some.map((key) => machine.member.rangeLocal({ key, revision: 0, limit: 1 }).count).join('');
}

/** Runs the cluster turn by turn until `done`. @returns what was seen behind each turn, without repetitions */
async function watch<T>(cluster: MemoryCluster, done: Promise<unknown>, see: () => T): Promise<T[]> {
  const seen: T[] = [];
  const state = { done: false };
  void done.finally(() => {
    state.done = true;
  });
  await cluster.clock.advanceAsync(60_000, () => {
    const now = see();
    if (now !== seen.at(-1)) seen.push(now);
    return state.done;
  });
  return seen;
}

void test('a turn applies a bounded part of an entry, and other members are answered in between', async () => {
  const cluster = await MemoryCluster.of(3, 51, { applyUnitsMax: 50 });
  const leader = cluster.leaderMachine();
  const { term } = leader.member.status();
  const writing = leader.member.writeAll(puts(4000));
  const before = leader.member.status().revision;
  const counts = await watch(cluster, writing, () => leader.member.status().revision - before);
  assert.equal((await writing).length, 4000);
  assert.equal(seen(leader, 4000), '111');
  assert.ok(counts.length >= 4000 / 60, `${counts.length} turns`);
  for (const [nth, now] of counts.entries()) {
    assert.ok(nth === 0 || now - counts[nth - 1]! <= 60, `${now - counts[nth - 1]!} commands in one turn`);
  }
  assert.equal(leader.member.status().term, term);
});

void test('a range is deleted at once for whoever looks, however many turns it takes', async () => {
  const cluster = await MemoryCluster.of(3, 52, { applyUnitsMax: 50 });
  const leader = cluster.leaderMachine();
  await cluster.settled(leader.member.writeAll(puts(2000)));
  const deleting = leader.member.write({ type: 'delete-range', key: all, end: all, previous: false });
  const before = cluster.clock.monotonicMs();
  assert.deepEqual(await watch(cluster, deleting, () => seen(leader, 2000)), ['111', '000']);
  const result = await deleting;
  assert.equal(result.type === 'delete-range' && result.deletedCount, 2000);
  assert.ok(cluster.clock.monotonicMs() > before);
  const [follower] = cluster.followers();
  await cluster.settled(follower!.member.readBarrier());
  assert.equal(seen(follower!, 2000), '000');
  assert.equal(follower!.member.hash(), leader.member.hash());
});

void test('a member that crashes in the middle of a deletion goes on with it', async () => {
  const cluster = await MemoryCluster.of(3, 53, { applyUnitsMax: 20 });
  const leader = cluster.leaderMachine();
  await cluster.settled(leader.member.writeAll(puts(3000)));
  const [follower] = cluster.followers();
  await cluster.settled(follower!.member.readBarrier());
  const unfinished = (): boolean => follower!.backend.get('meta', bytes('deleting')) !== undefined;
  const state = { crashed: false };
  const deleting = leader.member.write({ type: 'delete-range', key: all, end: all, previous: false });
  await cluster.clock.advanceAsync(60_000, () => {
    state.crashed = unfinished();
    return state.crashed;
  });
  assert.ok(state.crashed, 'it was seen half-way');
  await follower!.backend.flush();
  cluster.crash(follower!);
  await cluster.start(follower!);
  await cluster.settled(deleting);
  await cluster.settled(follower!.member.readBarrier());
  assert.equal(seen(follower!, 3000), '000');
  assert.equal(unfinished(), false);
  assert.equal(follower!.member.hash(), leader.member.hash());
});

void test('a call with more commands than an entry may have is refused', async () => {
  const cluster = await MemoryCluster.of(1, 54);
  const { member } = cluster.machines[0]!;
  await assert.rejects(member.writeAll(puts(4097)), { code: 'LIMIT_EXCEEDED', message: /entryCommandsMax/ });
  assert.equal((await cluster.settled(member.writeAll(puts(4096)))).length, 4096);
});
