import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { isDamage } from '../base/errors.js';
import { DiskError } from '../ports/disk.js';
import { put, puts } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** A founder that another member joins: it is asked for its state when an entry is half applied. */
async function askedInTheMiddle(seed: number): Promise<{ cluster: MemoryCluster; founder: Machine }> {
  const cluster = await MemoryCluster.of(1, seed, { applyUnitsMax: 50 });
  const founder = cluster.machines[0]!;
  const { backend, member } = founder;
  const view = backend.view.bind(backend);
  let isAsked = false;
  backend.view = async () => {
    const { revision } = member.status();
    member.writeAll(puts(4000)).catch(() => {});
    while (member.status().revision === revision) {
      await new Promise<void>((resolve) => cluster.clock.nextTurn(resolve));
    }
    isAsked = true;
    return view();
  };
  const late = cluster.machine();
  const { id, name, address, levels } = late;
  const answer = await cluster.settled(member.join({ id, name, peerAddress: address, levels }));
  void cluster.start(late, { contacts: answer.members, secret: answer.secret });
  // Slices take no virtual time: it stops at the moment, not behind it.
  const asked = (): boolean => isAsked;
  for (let ms = 0; !asked(); ms++) {
    assert.ok(ms < 10_000, 'it is asked for its state');
    await cluster.clock.advanceAsync(1, asked);
  }
  return { cluster, founder };
}

void test('a member on an older copy of its folder says so and stops, at the first word of a leader that knows better', async () => {
  const cluster = await MemoryCluster.of(3, 35);
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers();
  await cluster.stop(follower!);
  const copy = { disk: follower!.disk.crash(cluster.random), backend: follower!.backend.crash() };
  follower!.disk = follower!.disk.crash(cluster.random);
  follower!.backend = follower!.backend.crash();
  await cluster.start(follower!);
  for (let at = 0; at < 20; at++) await cluster.settled(put(leader.member, `k${at}`, 'v'));
  const { lastIndex } = leader.member.status();
  const has = () => leader.member.peers().find(({ id }) => id === follower!.id)?.matchIndex;
  await cluster.until(() => has() === lastIndex);
  cluster.crash(follower!);
  Object.assign(follower!, copy);
  await cluster.start(follower!);
  await cluster.until(() => !follower!.running);
  const { stopped } = follower!.life!;
  assert.ok(stopped?.kind === 'failed' && isDamage(stopped.error));
  assert.match(
    stopped.error.message,
    new RegExp(
      `^the log ends at entry \\d+, but this member has acknowledged entries up to ${lastIndex} to the leader of term \\d+: it was started on an older copy of its data folder, .*join it anew`,
    ),
  );
  // What it has forgotten the others hold.
  assert.equal(leader.member.status().role, 'leader');
  await cluster.settled(put(leader.member, 'after', 'v'));
});

void test('a member that is stopped while a snapshot waits for the end of an entry ends', async () => {
  const { cluster, founder } = await askedInTheMiddle(71);
  await cluster.settled(founder.member.stop());
  assert.equal(founder.disk.openCount, 0);
});

void test('a member whose disk fails while a snapshot waits for the end of an entry ends', async () => {
  const { cluster, founder } = await askedInTheMiddle(72);
  founder.disk.faults = () => new DiskError('full', 'no space');
  founder.member.writeAll(puts(1)).catch(() => {});
  const { kind } = await cluster.settled(founder.member.stopped);
  assert.equal(kind, 'failed');
  assert.equal(founder.disk.openCount, 0);
});

void test('a member ends once, for the reason that came first, and nothing of it is open then', async () => {
  const cluster = await MemoryCluster.of(3, 73);
  const [victim] = cluster.followers() as [Machine];
  const leader = cluster.leaderMachine();
  let release = (): void => {};
  const held = new Promise<undefined>((resolve) => (release = () => resolve(undefined)));
  const open: number[] = [];
  const closes: unknown[] = [];
  const close = victim.backend.close.bind(victim.backend);
  victim.backend.close = (options) => {
    closes.push(options);
    return close(options);
  };
  void victim.member.stopped.then(() => open.push(victim.disk.openCount));
  await cluster.settled(leader.member.removeMember(victim.id));
  const told = (event: string): boolean =>
    event.includes(`${victim.name} member`) && event.includes('was removed');
  await cluster.until(() => cluster.events.some(told));
  victim.disk.faults = () => held;
  // Its state fails within the heartbeat that it goes on for.
  victim.backend.faults = () => new DiskError('failed', 'no such disk');
  victim.backend.put('meta', encodeUtf8('x'), encodeUtf8('x'));
  victim.backend.commit(victim.backend.applied);
  victim.backend.flush().catch(() => {});
  await cluster.clock.advanceAsync(1000);
  release();
  const { kind } = await cluster.settled(victim.member.stopped);
  assert.equal(kind, 'failed');
  assert.deepEqual(open, [0]);
  assert.deepEqual(closes, [{ flush: false }], 'a failed disk is left as it is');
});
