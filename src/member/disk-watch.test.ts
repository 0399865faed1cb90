import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberDefaults } from './options.js';
import { hang } from './testing/gate.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

const { electionTimeoutMs } = memberDefaults;

void test('a leader whose disk hangs leaves the others a leader, says that it does not serve, and comes back', async () => {
  const cluster = await MemoryCluster.of(3, 500);
  const old = cluster.leaderMachine();
  const others = cluster.followers();
  assert.ok(old.member.serving);
  const mend = hang(old);
  const lost = put(old.member, 'lost', '1').catch((error: unknown) => error);
  const isLed = (): boolean => others.some(({ member }) => member.status().role === 'leader');
  await cluster.until(isLed, 4 * electionTimeoutMs);
  assert.ok(!old.member.serving);
  const leader = others.find(({ member }) => member.status().role === 'leader')!;
  await cluster.settled(put(leader.member, 'key', 'x'));
  for (const { member } of others) assert.ok(member.serving);
  // It hears the new leader, and can write nothing.
  await cluster.clock.advanceAsync(10 * electionTimeoutMs);
  assert.ok(!old.member.serving);
  assert.equal(cluster.leader(), leader.member);
  mend();
  await cluster.until(() => old.member.serving);
  await cluster.settled(put(old.member, 'key', 'y'));
  assert.equal(await cluster.settled(get(old.member, 'key')), 'y');
  assert.ok(cluster.events.some((event) => event.includes('the disk answers again')));
  await lost;
});

void test('a leader whose disk hangs gives up also where nobody takes over, and does not stand again', async () => {
  const cluster = await MemoryCluster.of(2, 501);
  const old = cluster.leaderMachine();
  const mends = [hang(old), hang(cluster.followers()[0]!)];
  const lost = put(old.member, 'lost', '1').catch((error: unknown) => error);
  await cluster.until(() => cluster.leader() === undefined, 4 * electionTimeoutMs);
  await cluster.clock.advanceAsync(10 * electionTimeoutMs);
  assert.equal(cluster.leader(), undefined);
  for (const { member } of cluster.machines) assert.ok(!member.serving);
  for (const mend of mends) mend();
  await cluster.until(() => cluster.leader() !== undefined);
  await cluster.settled(put(cluster.leader()!, 'key', 'x'));
  await lost;
});

void test('the only voter waits for its disk', async () => {
  const cluster = await MemoryCluster.of(1, 502);
  const { member } = cluster.machines[0]!;
  const mend = hang(cluster.machines[0]!);
  const written = put(member, 'key', 'x');
  await cluster.until(() => !member.serving);
  assert.equal(member.status().role, 'leader');
  mend();
  await cluster.settled(written);
  await cluster.until(() => member.serving);
});

void test('a follower whose disk hangs takes no more than what may be on its way', async () => {
  const inflightSizeBytesMax = 50_000;
  const cluster = await MemoryCluster.of(3, 503, { inflightSizeBytesMax, entrySizeBytesMax: 2000 });
  const leader = cluster.leader()!;
  const [slow] = cluster.followers();
  const before = slow!.member.status().lastIndex;
  const mend = hang(slow!);
  for (let at = 0; at < 500; at++) await cluster.settled(put(leader, `k${at % 10}`, 'v'.repeat(1000)));
  const taken = slow!.member.status().lastIndex - before;
  assert.ok(taken > 10 && taken * 1000 <= inflightSizeBytesMax + 2000, `${taken} entries`);
  assert.ok(!slow!.member.serving);
  mend();
  await cluster.until(() => slow!.member.status().appliedIndex === leader.status().appliedIndex);
  await cluster.until(() => slow!.member.serving);
});
