import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberOptions } from './options.js';
import { put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

/** Of snapshots, by any member. */
function installations({ events }: MemoryCluster): number {
  return events.filter((event) => event.includes('snapshot installed')).length;
}

/**
 * Of three, one of which was away for longer than the log is kept, and is brought a snapshot slowly.
 * @param writesMeanwhile  each of 100 bytes
 * @returns how many snapshots it took until it had caught up while writes went on
 */
async function snapshotsUntilCaughtUp(
  writesMeanwhile: number,
  options: Partial<MemberOptions>,
): Promise<number> {
  const slow = { latencyMsMin: 40, latencyMsMax: 60 };
  const cluster = await MemoryCluster.of(3, 34, { ...options, snapshotChunkSizeBytes: 50 }, slow);
  const away = cluster.followers()[0]!;
  cluster.crash(away);
  const leader = cluster.leader()!;
  const sent = (): number => cluster.events.filter((event) => event.includes('sending a snapshot')).length;
  const [sentBefore, installedBefore] = [sent(), installations(cluster)];
  for (let at = 0; at < 40; at++) await cluster.settled(put(leader, `k${at}`, 'x'.repeat(100)));
  await cluster.start(away);
  await cluster.until(() => sent() > sentBefore);
  const many = Array.from({ length: writesMeanwhile }, () => put(leader, 'many', 'z'.repeat(100)));
  await cluster.settled(Promise.all(many));
  assert.equal(installations(cluster), installedBefore);
  let writes = 0;
  while (away.member.status().appliedIndex + 5 < leader.status().commitIndex) {
    assert.ok(++writes < 400, 'it catches up while a few hundred writes are made');
    await cluster.settled(put(leader, `k${writes % 40}`, 'y'.repeat(100)));
  }
  return sent() - sentBefore;
}

void test('a member that was brought a snapshot catches up though writes go on', async () => {
  assert.equal(await snapshotsUntilCaughtUp(0, { logEntriesKept: 5 }), 1);
});

void test('and though more was written meanwhile than is kept for those that catch up', async () => {
  const small = { entrySizeBytesMax: 200, messageEntriesSizeBytesMax: 200, inflightMessagesMax: 2 };
  const options = { ...small, logSizeBytesKept: 1000, logMarkSizeBytes: 100 };
  assert.equal(await snapshotsUntilCaughtUp(100, options), 1);
});
