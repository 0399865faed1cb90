import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { DiskError } from '../ports/disk.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

void test('the only voter leads at once, when it founds a cluster and when it returns', async () => {
  const cluster = new MemoryCluster(10);
  const machine = cluster.machine();
  for (const found of [true, false]) {
    await cluster.start(machine, { found });
    await cluster.until(() => machine.member.status().role === 'leader', 50);
    cluster.crash(machine);
  }
});

void test('a founder elects itself, writes and reads, and has all of it after a power loss', async () => {
  const cluster = await MemoryCluster.of(1, 1);
  const machine = cluster.machines[0]!;
  for (let at = 0; at < 20; at++) await cluster.settled(put(machine.member, `k${at}`, `v${at}`));
  cluster.crash(machine);
  await cluster.start(machine);
  for (let at = 0; at < 20; at++) {
    assert.equal(await cluster.settled(get(machine.member, `k${at}`)), `v${at}`);
  }
});

void test('a founding that a crash cut short, wherever, is taken up again', async () => {
  for (let cut = 1, reached = true; reached; cut++) {
    const cluster = new MemoryCluster(cut);
    const machine = cluster.machine();
    let operations = 0;
    machine.disk.faults = () => (++operations < cut ? undefined : new Promise(() => {}));
    await cluster.start(machine, { found: true }).catch(() => {
      // It waits for the disk for ever.
    });
    reached = operations >= cut;
    if (machine.life !== undefined) cluster.crash(machine);
    else machine.disk = machine.disk.crash(cluster.random);
    await cluster.start(machine, { found: true });
    await cluster.settled(put(machine.member, 'key', `${cut}`));
    assert.equal(await cluster.settled(get(machine.member, 'key')), `${cut}`);
  }
});

void test('three members: every one takes writes and serves reads that see them', async () => {
  const cluster = await MemoryCluster.of(3, 2);
  for (const writer of cluster.machines) {
    await cluster.settled(put(writer.member, 'key', writer.name));
    for (const reader of cluster.machines) {
      assert.equal(await cluster.settled(get(reader.member, 'key')), writer.name);
    }
  }
});

void test('proposals of one turn become one entry of the log', async () => {
  const cluster = await MemoryCluster.of(1, 3);
  const { member } = cluster.machines[0]!;
  const before = member.status().lastIndex;
  const writes = Array.from({ length: 100 }, (_, at) => put(member, `k${at}`, 'v'));
  const results = await cluster.settled(Promise.all(writes));
  assert.equal(member.status().lastIndex, before + 1);
  const revisions = results.map((result) => result.revision);
  assert.deepEqual(
    revisions,
    revisions.map((_, at) => revisions[0]! + at),
  );
});

void test('the leader dies: what it acknowledged is there, and writes go on within a second', async () => {
  const cluster = await MemoryCluster.of(3, 4);
  const leader = cluster.leaderMachine();
  await cluster.settled(put(leader.member, 'before', '1'));
  const lostAt = cluster.clock.monotonicMs();
  cluster.crash(leader);
  const [other] = cluster.machines.filter((each) => each.running);
  await cluster.settled(put(other!.member, 'after', '2'));
  // A closed connection begins the election; nobody waits for the whole time-out.
  assert.ok(cluster.clock.monotonicMs() - lostAt < cluster.options.electionTimeoutMs);
  assert.equal(await cluster.settled(get(other!.member, 'before')), '1');
  await cluster.start(leader);
  assert.equal(await cluster.settled(get(leader.member, 'after')), '2');
});

void test('a write whose leader is cut off has an unknown outcome, and is not made twice', async () => {
  const cluster = await MemoryCluster.of(3, 5);
  const leader = cluster.leaderMachine();
  const others = cluster.followers();
  cluster.network.partition(
    [leader.id],
    others.map((each) => each.id),
  );
  const code = await cluster.refusal(put(leader.member, 'key', 'lost', { timeoutMs: 3000 }));
  assert.ok(['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'NO_LEADER'].includes(code), code);
  await cluster.until(() => leader.member.status().role !== 'leader');
  await cluster.settled(put(others[0]!.member, 'key', 'kept'));
  cluster.network.heal();
  await cluster.until(() => leader.member.status().leader !== 0n);
  assert.equal(await cluster.settled(get(leader.member, 'key')), 'kept');
});

void test('a cut-off leader serves no read, though it still believes to lead', async () => {
  const cluster = await MemoryCluster.of(3, 6);
  const leader = cluster.leaderMachine();
  const others = cluster.followers();
  cluster.network.partition(
    [leader.id],
    others.map((each) => each.id),
  );
  assert.equal(leader.member.status().role, 'leader');
  const stale = cluster.refusal(get(leader.member, 'key', { timeoutMs: 2500 }));
  await cluster.settled(put(others[0]!.member, 'key', 'new'));
  const code = await stale;
  assert.ok(['NO_LEADER', 'DEADLINE_EXCEEDED'].includes(code), code);
});

void test('no quorum: a write within its deadline says that there is no leader', async () => {
  const cluster = await MemoryCluster.of(3, 7);
  const [left, ...gone] = cluster.machines;
  for (const machine of gone) cluster.crash(machine);
  await cluster.until(() => left!.member.status().leader === 0n);
  assert.equal(await cluster.refusal(put(left!.member, 'key', 'x', { timeoutMs: 1000 })), 'NO_LEADER');
  assert.equal(await cluster.refusal(get(left!.member, 'key', { timeoutMs: 1000 })), 'NO_LEADER');
});

void test('a call ends when its signal does, and a write that was on its way says so', async () => {
  const cluster = await MemoryCluster.of(3, 8);
  const leader = cluster.leaderMachine();
  const abort = new AbortController();
  cluster.network.partition(
    [leader.id],
    cluster.followers().map((each) => each.id),
  );
  const write = cluster.refusal(put(leader.member, 'key', 'x', { signal: abort.signal }));
  await cluster.clock.advanceAsync(20);
  abort.abort();
  assert.equal(await write, 'CANCELLED');
});

void test('calls beyond the limits are refused, and those within it go on', async () => {
  const cluster = await MemoryCluster.of(1, 9, { proposalsWaitingMax: 10, readsWaitingMax: 5 });
  const { member } = cluster.machines[0]!;
  const writes = Array.from({ length: 11 }, (_, at) => put(member, `k${at}`, 'v'));
  const reads = Array.from({ length: 6 }, () => get(member, 'k0'));
  const settled = await cluster.settled(Promise.allSettled([...writes, ...reads]));
  const refused = settled.flatMap((each, at) => (each.status === 'rejected' ? [at] : []));
  assert.deepEqual(refused, [10, 16]);
  for (const at of refused) {
    const each = settled[at] as PromiseRejectedResult;
    assert.equal((each.reason as { code: string }).code, 'LIMIT_EXCEEDED');
  }
});

void test('a full disk stops the member; with space it is back, and nothing acknowledged is gone', async () => {
  const cluster = await MemoryCluster.of(1, 10);
  const machine = cluster.machines[0]!;
  machine.disk.capacityBytes = machine.disk.usedBytes + 2 * 1024 * 1024;
  const acknowledged: string[] = [];
  const value = 'x'.repeat(100_000);
  for (let at = 0; machine.running; at++) {
    try {
      await cluster.settled(put(machine.member, `k${at}`, value));
      acknowledged.push(`k${at}`);
    } catch {
      await cluster.until(() => !machine.running);
    }
  }
  assert.equal(machine.life?.stopped?.kind, 'failed');
  assert.ok(acknowledged.length > 2);
  machine.life = undefined;
  machine.disk = machine.disk.crash(cluster.random);
  machine.backend = machine.backend.crash();
  await cluster.start(machine);
  for (const key of acknowledged) assert.equal(await cluster.settled(get(machine.member, key)), value);
});

void test('a failed sync stops the member before it acknowledges', async () => {
  const cluster = await MemoryCluster.of(3, 11);
  const leader = cluster.leaderMachine();
  leader.disk.faults = (operation) =>
    operation === 'sync' ? new DiskError('failed', 'EIO: the disk is gone') : undefined;
  await cluster
    .refusal(put(leader.member, 'key', 'x', { timeoutMs: 2000 }))
    .catch(() => 'acknowledged by others');
  await cluster.until(() => leader.life?.stopped?.kind === 'failed');
  const [other] = cluster.machines.filter((each) => each.running);
  await cluster.settled(put(other!.member, 'other', 'y'));
});

void test('a member without file descriptors waits for them, says so, and loses nothing', async () => {
  const cluster = await MemoryCluster.of(1, 12);
  const [machine] = cluster.machines;
  const without = (operation: string): DiskError | undefined =>
    operation === 'open' || operation === 'rename'
      ? new DiskError('descriptors', 'EMFILE: too many open files')
      : undefined;
  machine!.disk.faults = without;
  // Several segments of the log.
  const keys = Array.from({ length: 40 }, (_, at) => `k${at}`);
  const written = Promise.all(keys.map((key) => put(machine!.member, key, 'v'.repeat(10_000))));
  await cluster.clock.advanceAsync(5000);
  assert.ok(machine!.running);
  machine!.disk.faults = () => undefined;
  await cluster.settled(written);
  const told = (message: string): number => cluster.events.filter((event) => event.includes(message)).length;
  assert.equal(told('no file descriptor is left: waiting for one'), 1);
  assert.equal(told('there are file descriptors again'), 1);
  // One that never gets any can be stopped all the same.
  machine!.disk.faults = without;
  for (const key of keys) void put(machine!.member, key, 'w'.repeat(10_000)).catch(() => {});
  await cluster.clock.advanceAsync(1000);
  await cluster.settled(machine!.member.stop());
  assert.equal(machine!.life!.stopped?.kind, 'requested');
});

void test('a row of the state that has changed on the disk is never served: its member stops', async () => {
  const cluster = await MemoryCluster.of(3, 13);
  const leader = cluster.leaderMachine();
  await cluster.settled(put(leader.member, 'key', 'as written'));
  const [victim, other] = cluster.machines.filter((each) => each !== leader);
  await cluster.until(() => victim!.backend.flushed.index === leader.member.status().commitIndex);
  const changed = victim!.backend.flipBit((below) => (below > 100 ? 45 : 0));
  assert.equal(changed, 'current key');
  assert.equal(await cluster.refusal(get(victim!.member, 'key')), 'DATA_DAMAGED');
  await cluster.until(() => victim!.life?.stopped?.kind === 'failed');
  const reason = victim!.life!.stopped!;
  assert.ok(reason.kind === 'failed');
  assert.match(reason.error.message, /row that is not as it was written/);
  assert.equal(await cluster.settled(get(other!.member, 'key')), 'as written');
});

void test('a write that meets such a row stops the member too', async () => {
  const cluster = await MemoryCluster.of(3, 14);
  const leader = cluster.leaderMachine();
  await cluster.settled(put(leader.member, 'key', 'as written'));
  const [victim, other] = cluster.machines.filter((each) => each !== leader);
  await cluster.until(() => victim!.backend.flushed.index === leader.member.status().commitIndex);
  victim!.backend.flipBit(() => 0);
  await cluster.settled(put(other!.member, 'key', 'next'));
  await cluster.until(() => victim!.life?.stopped?.kind === 'failed');
  assert.equal(await cluster.settled(get(other!.member, 'key')), 'next');
});

void test('a leader that stops hands over first', async () => {
  const cluster = await MemoryCluster.of(3, 12);
  const leader = cluster.leaderMachine();
  await cluster.stop(leader);
  const [other] = cluster.machines.filter((each) => each.running);
  const before = cluster.clock.monotonicMs();
  await cluster.settled(put(other!.member, 'key', 'x'));
  assert.ok(cluster.clock.monotonicMs() - before <= 2 * cluster.options.heartbeatIntervalMs);
});

void test('a member that has stopped answers nothing from its state, which is closed', async () => {
  const cluster = await MemoryCluster.of(1, 15);
  const { member } = cluster.machines[0]!;
  await cluster.settled(put(member, 'key', 'x'));
  await cluster.settled(member.stop());
  for (const end of [undefined, encodeUtf8('l')]) {
    const query = { key: encodeUtf8('key'), end, revision: 0, limit: 0 };
    const read = member.range(query, { serializable: true });
    assert.equal(await cluster.refusal(read), 'MEMBER_STOPPING');
  }
  const query = { key: encodeUtf8('key'), revision: 0, limit: 1 };
  assert.throws(() => member.rangeLocal(query), { code: 'MEMBER_STOPPING' });
});

void test('leadership goes where it is sent', async () => {
  const cluster = await MemoryCluster.of(3, 13);
  const target = cluster.followers()[0]!;
  const through = cluster.followers()[1]!;
  const reached = await cluster.settled(through.member.transferLeadership(target.id));
  assert.equal(reached, target.id);
  await cluster.until(() => cluster.leader() === target.member);
});

void test('a leader with lease reads that was paused serves no stale read when it wakes up', async () => {
  const cluster = await MemoryCluster.of(3, 12, { leaseReads: true });
  const paused = cluster.leaderMachine();
  const others = cluster.followers();
  await cluster.settled(put(paused.member, 'key', 'old'));
  assert.equal(await cluster.settled(get(paused.member, 'key')), 'old');
  // Nobody tells it what it missed.
  cluster.network.partition(
    [paused.id],
    others.map((each) => each.id),
  );
  paused.life!.clock.pause();
  await cluster.until(() => others.some((each) => each.member.status().role === 'leader'));
  await cluster.settled(put(others[0]!.member, 'key', 'new'));
  // What came in meanwhile is read before the timers fire.
  const read = get(paused.member, 'key');
  await cluster.clock.advanceAsync(1);
  paused.life!.clock.resume();
  await cluster.clock.advanceAsync(cluster.options.heartbeatIntervalMs);
  cluster.network.heal();
  assert.equal(await cluster.settled(read), 'new');
});
