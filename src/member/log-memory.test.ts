import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberOptions } from './options.js';
import { Gate } from './testing/gate.js';
import { put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** What is applied and stays in memory, and beside it what a few writes of 1,000 bytes take. */
const limits: Partial<MemberOptions> = { logMemorySizeBytes: 10_000, logMarkSizeBytes: 1000 };
const memorySizeBytesMax = 20_000;

async function write(cluster: MemoryCluster, count: number, value = 'x'.repeat(1000)): Promise<void> {
  const leader = cluster.leader()!;
  for (let at = 0; at < count; at++) {
    await cluster.settled(put(leader, `k${at % 10}`, value));
    for (const machine of cluster.machines) checkMemory(machine);
  }
}

function checkMemory({ name, life }: Machine): void {
  const held = life?.member.status().logMemorySizeBytes ?? 0;
  assert.ok(held <= memorySizeBytesMax, `${name} holds ${held} bytes`);
}

function snapshots({ events }: MemoryCluster): number {
  return events.filter((event) => event.includes('sending a snapshot')).length;
}

void test('a follower that was away is sent from disk what is no longer in memory', async () => {
  const cluster = await MemoryCluster.of(3, 700, limits);
  const away = cluster.followers()[0]!;
  const before = snapshots(cluster);
  cluster.crash(away);
  await write(cluster, 200);
  await cluster.start(away);
  checkMemory(away);
  await cluster.until(() => away.member.status().appliedIndex === cluster.leader()!.status().appliedIndex);
  assert.equal(snapshots(cluster), before);
  await write(cluster, 20);
});

void test('a start takes nothing into memory that is applied and on disk', async () => {
  const cluster = await MemoryCluster.of(1, 701, limits);
  await write(cluster, 200);
  const [machine] = cluster.machines;
  await cluster.stop(machine!);
  await cluster.start(machine!);
  assert.ok(machine!.member.status().logMemorySizeBytes < 2000);
  await cluster.until(() => cluster.leader() !== undefined);
  await write(cluster, 5);
});

for (const [value, count] of [
  ['x'.repeat(1000), 300],
  ['x', 1200],
] as const) {
  const what = `values of ${value.length} bytes`;
  void test(`while a snapshot is brought slowly the log is bounded, in memory and on disk: ${what}`, async () => {
    await writeBeside(value, count);
  });
}

async function writeBeside(value: string, count: number): Promise<void> {
  const slow = { latencyMsMin: 40, latencyMsMax: 60 };
  const snapshotChunkSizeBytes = value.length === 1 ? 10 : 50;
  const options = { ...limits, snapshotChunkSizeBytes, logEntriesKept: 5, logSizeBytesMax: 60_000 };
  const cluster = await MemoryCluster.of(3, 702, options, slow);
  const away = cluster.followers()[0]!;
  const before = snapshots(cluster);
  cluster.crash(away);
  await write(cluster, 20);
  await cluster.start(away);
  await cluster.until(() => snapshots(cluster) > before);
  const leader = cluster.leader()!;
  // Segments are removed as a whole: one more than the bound, one that is being filled, one that is overdue.
  const diskSizeBytesMax = 4 * 64 * 1024;
  for (let at = 0; at < count; at++) {
    await write(cluster, 1, value);
    const { logSizeBytes } = leader.status();
    assert.ok(logSizeBytes <= diskSizeBytesMax, `${logSizeBytes} bytes on disk`);
  }
  cluster.network.conditions.latencyMsMin = cluster.network.conditions.latencyMsMax = 1;
  await cluster.until(() => away.member.status().appliedIndex === leader.status().appliedIndex, 120_000);
}

void test('a leader whose disk hangs at a read for another member leads no more', async () => {
  const cluster = await MemoryCluster.of(3, 703, limits);
  const away = cluster.followers()[0]!;
  const leader = cluster.leaderMachine();
  cluster.crash(away);
  await write(cluster, 100);
  const gate = new Gate();
  leader.disk.faults = (operation) => (operation === 'read' ? gate.pass() : undefined);
  await cluster.start(away);
  await cluster.until(() => cluster.leader() !== undefined && cluster.leader() !== leader.life?.member);
  await write(cluster, 20);
  await cluster.until(() => away.member.status().appliedIndex === cluster.leader()!.status().appliedIndex);
});
