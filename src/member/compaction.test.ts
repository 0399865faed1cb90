import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

const value = 'v'.repeat(200);

function segments(machine: Machine): number {
  return [...machine.backend.range('revisions', {})].length;
}

async function overwrite(cluster: MemoryCluster, count: number): Promise<void> {
  const { member } = cluster.leaderMachine();
  const writes = Array.from({ length: count }, (_, nth) => put(member, `k${nth % 10}`, `${nth} ${value}`));
  await cluster.settled(Promise.all(writes));
}

void test('old revisions are forgotten by themselves, on every member, while writes go on', async () => {
  const cluster = await MemoryCluster.of(3, 61, {
    compactionRevisions: 100,
    compactionUnitsMax: 50,
    revisionSegmentSizeBytesMax: 2000,
  });
  let most = 0;
  for (let round = 0; round < 40; round++) {
    await overwrite(cluster, 100);
    await cluster.clock.advanceAsync(2 * cluster.options.heartbeatIntervalMs);
    most = Math.max(most, ...cluster.machines.map(segments));
  }
  assert.ok(most < 80, `${most} segments at most, of some 570 that were written`);
  for (const machine of cluster.machines) {
    const { revision, compactRevision } = machine.member.status();
    assert.equal(revision, 4001);
    assert.ok(compactRevision > 3800, `compacted to ${compactRevision}`);
    assert.ok(segments(machine) < 30, `${segments(machine)} segments`);
  }
});

void test('what was asked to be forgotten is removed also when nothing else happens, and after a crash', async () => {
  const cluster = await MemoryCluster.of(3, 62, {
    compactionUnitsMax: 20,
    revisionSegmentSizeBytesMax: 2000,
  });
  await overwrite(cluster, 1000);
  const leader = cluster.leaderMachine();
  const before = segments(leader);
  const { revision } = leader.member.status();
  const [follower] = cluster.followers();
  await cluster.settled(leader.member.write({ type: 'compact', revision }));
  await cluster.settled(follower!.member.readBarrier());
  await cluster.clock.advanceAsync(1000, () => segments(follower!) < before / 2);
  const left = segments(follower!);
  assert.ok(left > 1 && left < before / 2, `${left} segments of ${before}`);
  await follower!.backend.flush();
  cluster.crash(follower!);
  await cluster.start(follower!);
  assert.ok(segments(follower!) > 1);
  await cluster.clock.advanceAsync(30_000, () => cluster.machines.every((each) => segments(each) === 1));
  assert.deepEqual(cluster.machines.map(segments), [1, 1, 1]);
  assert.equal(await cluster.settled(get(follower!.member, 'k9')), `999 ${value}`);
  assert.equal(follower!.member.hash(), leader.member.hash());
});

void test('a new leader goes on with what the old one would have forgotten', async () => {
  const cluster = await MemoryCluster.of(3, 63, { compactionAgeMs: 10_000 });
  await overwrite(cluster, 50);
  await cluster.clock.advanceAsync(8000);
  cluster.crash(cluster.leaderMachine());
  const alive = (): Machine[] => cluster.machines.filter((each) => each.running);
  await cluster.clock.advanceAsync(5000);
  assert.deepEqual(
    alive().map((each) => each.member.status().compactRevision),
    [51, 51],
  );
});

void test('where nothing is due nobody asks for anything', async () => {
  const cluster = await MemoryCluster.of(1, 64, { compactionRevisions: 100 });
  const { member } = cluster.leaderMachine();
  await overwrite(cluster, 50);
  await cluster.clock.advanceAsync(20 * cluster.options.heartbeatIntervalMs);
  assert.equal(member.status().compactRevision, -1);
  const { type } = await cluster.settled(member.write({ type: 'compact', revision: 0 }));
  assert.equal(type, 'compact', 'as on a fresh store of etcd');
});
