import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberDefaults } from './options.js';
import { heldMessagesMax } from './log-writes.js';
import { hang } from './testing/gate.js';
import { put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

void test('what a member with a disk that hangs has to say to a new leader does not gather without end', async () => {
  const cluster = await MemoryCluster.of(3, 520);
  const old = cluster.leaderMachine();
  const others = cluster.followers();
  const mend = hang(old);
  const lost = put(old.member, 'lost', '1').catch((error: unknown) => error);
  await cluster.until(() => others.some(({ member }) => member.status().role === 'leader'));
  const leader = others.find(({ member }) => member.status().role === 'leader')!;
  await cluster.until(() => old.member.status().leader === leader.id);
  // Each is a round of heartbeats, whose answers wait for the new term to be on disk.
  for (let round = 0; round < 2 * heldMessagesMax; round++)
    await cluster.settled(leader.member.readBarrier());
  let said = 0;
  const end = cluster.network.hold(({ from }) => {
    if (from === old.id) said++;
    return false;
  });
  mend();
  await cluster.clock.advanceAsync(memberDefaults.heartbeatIntervalMs / 2);
  assert.ok(said > 10 && said <= heldMessagesMax + 20, `${said} messages`);
  end();
  await cluster.until(() => old.member.serving);
  await lost;
});
