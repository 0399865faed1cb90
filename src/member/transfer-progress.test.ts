import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownLevels } from '../base/feature-levels.js';
import { put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

void test('how far a snapshot is, is known to its sender while it goes, and told by both ends now and then', async () => {
  const cluster = await MemoryCluster.of(
    1,
    33,
    { logEntriesKept: 5, snapshotChunkSizeBytes: 500 },
    { latencyMsMin: 15, latencyMsMax: 20 },
  );
  const leader = cluster.leaderMachine();
  for (let at = 0; at < 20; at++) await cluster.settled(put(leader.member, `k${at}`, 'x'.repeat(10_000)));
  const joiner = cluster.machine();
  const { id, name, address } = joiner;
  const answer = await cluster.settled(
    leader.member.join({ id, name, peerAddress: address, levels: knownLevels }),
  );
  await cluster.start(joiner, { contacts: answer.members, secret: answer.secret });
  assert.match(joiner.member.missing ?? '', /^no leader has called this member/);
  const progress = () => leader.member.peers()[0]?.snapshot;
  await cluster.until(() => (progress()?.doneBytes ?? 0) > 100_000);
  const { doneBytes, sizeBytesEstimated: sizeBytes } = progress()!;
  assert.ok(doneBytes < sizeBytes && sizeBytes > 200_000, `${doneBytes} of about ${sizeBytes}`);
  assert.equal(joiner.member.missing, undefined);
  await cluster.until(() => joiner.member.holdsOwnRecord(), 60_000);
  assert.equal(progress(), undefined);
  const told = (what: string): number => cluster.events.filter((event) => event.includes(what)).length;
  for (const [what, least, most] of [
    [`${leader.name} a snapshot is being sent {`, 1, 5],
    [`${name} a snapshot is being received {`, 1, 5],
    [`${name} a snapshot is here as a whole {`, 1, 1],
  ] as const) {
    const times = told(what);
    assert.ok(times >= least && times <= most, `${what} ${times}`);
  }
});
