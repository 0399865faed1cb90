import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { knownLevels } from '../base/feature-levels.js';
import { Gate } from './testing/gate.js';
import { get, put } from './testing/key-values.js';
import { caughtUp, count, installations, lagging, watchArrival, write, type Lag } from './testing/lagging.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** As one disk that log and state share, with so many bytes free. */
function limitSpace({ away: { disk, backend } }: Lag, freeBytes: number): void {
  disk.takenByOthers = () => backend.sizeBytes() + (backend.arrivingSizeBytes ?? 0);
  disk.capacityBytes = disk.usedBytes + disk.takenByOthers() + freeBytes;
}

void test('a member away for longer than the log is kept returns by snapshot', async () => {
  const cluster = await MemoryCluster.of(3, 30, { logEntriesKept: 20 });
  const away = cluster.followers()[0]!;
  cluster.crash(away);
  const leader = cluster.leader()!;
  for (let at = 0; at < 200; at++) await cluster.settled(put(leader, `k${at}`, 'x'.repeat(2000)));
  await cluster.start(away);
  await cluster.until(() => away.member.status().appliedIndex >= leader.status().commitIndex);
  assert.ok(cluster.events.some((event) => event.includes('n') && event.includes('snapshot installed')));
  assert.equal(away.member.hash(), leader.hash());
  cluster.crash(away);
  await cluster.start(away);
  await cluster.settled(put(away.member, 'again', 'y'));
  assert.equal(away.member.hash(), leader.hash());
});

void test('a member that returns by snapshot answers the reads that wait for it, though nobody writes', async () => {
  const cluster = await MemoryCluster.of(3, 35, { logEntriesKept: 20 });
  const away = cluster.followers()[0]!;
  cluster.crash(away);
  const leader = cluster.leader()!;
  for (let at = 0; at < 100; at++) await cluster.settled(put(leader, `k${at}`, 'x'));
  // Long enough that the reads have their index before.
  const slow = new Promise<undefined>((resolve) => {
    cluster.clock.setTimer(2000, () => resolve(undefined));
  });
  away.backend.faults = (operation) => (operation === 'activate' ? slow : undefined);
  await cluster.start(away);
  const before = installations(cluster);
  const begun = away.member.readBarrier({ timeoutMs: 20_000 });
  assert.equal(installations(cluster), before);
  await cluster.settled(begun);
  assert.equal(installations(cluster), before + 1);
  assert.equal(away.member.rangeLocal({ key: encodeUtf8('k99'), revision: 0, limit: 1 }).count, 1);
});

void test('a write that begins when the state is here is none that the snapshot may hold', async () => {
  const cluster = await MemoryCluster.of(1, 37);
  const [founder] = cluster.machines;
  await cluster.settled(put(founder!.member, 'key', 'x'));
  const joiner = cluster.machine();
  const gate = new Gate();
  // The state is switched, and the installation has not ended.
  joiner.disk.faults = (_, path) => {
    const isSwitched = joiner.running && joiner.member.holdsOwnRecord();
    return isSwitched && path.startsWith('wal') ? gate.pass() : undefined;
  };
  const joined = cluster.join(joiner, founder!);
  await cluster.until(() => gate.arrivals > 0);
  const written = put(joiner.member, 'key', 'y');
  await cluster.clock.advanceAsync(200);
  gate.open();
  await cluster.settled(Promise.all([joined, written]));
});

void test('a leader whose state is damaged stops when it is to make a snapshot of it; the next one sends its own', async () => {
  const cluster = await MemoryCluster.of(3, 31, { logEntriesKept: 20 });
  const away = cluster.followers()[0]!;
  cluster.crash(away);
  const leader = cluster.leaderMachine();
  for (let at = 0; at < 100; at++) await cluster.settled(put(leader.member, `k${at}`, 'x'));
  await cluster.until(() => leader.backend.flushed.index === leader.member.status().commitIndex);
  assert.notEqual(
    leader.backend.flipBit(() => 0),
    undefined,
  );
  const beganMs = cluster.clock.monotonicMs();
  await cluster.start(away);
  await cluster.until(() => leader.life?.stopped?.kind === 'failed');
  // A majority needs the one that was away: it goes on from the other's snapshot.
  await cluster.until(() => away.member.status().appliedIndex > 100);
  await cluster.settled(put(away.member, 'again', 'y'));
  assert.ok(cluster.clock.monotonicMs() - beganMs < 20_000);
});

void test('local reads see a snapshot as a whole or not at all', async () => {
  const cluster = await MemoryCluster.of(3, 32, { logEntriesKept: 20 });
  const away = cluster.followers()[0]!;
  cluster.crash(away);
  const leader = cluster.leader()!;
  for (let at = 0; at < 100; at++) await cluster.settled(put(leader, 'key', String(at)));
  // Each write takes its time, so that there is something to see between the steps of the installation.
  away.disk.faults = () => new Promise((resolve) => cluster.clock.setTimer(1, () => resolve(undefined)));
  const member = await cluster.start(away);
  const query = { key: encodeUtf8('key'), revision: 0, limit: 0 };
  while (member.status().appliedIndex < leader.status().commitIndex) {
    await cluster.clock.advanceAsync(0.1);
    const { items, revision } = member.rangeLocal(query);
    const newest = items[0]?.modRevision ?? 0;
    assert.ok(revision >= newest, `revision ${revision} holds ${newest}`);
  }
  assert.ok(cluster.events.some((event) => event.includes('snapshot installed')));
});

void test('a transfer that breaks at every chunk brings each of them about once', async () => {
  const lag = await lagging(71);
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  let chunks = 0;
  let bytes = 0;
  watchArrival(lag, async (incoming, chunk) => {
    chunks = Math.max(chunks, chunk.number);
    bytes += chunk.bytes.length;
    await incoming.write(chunk);
    // The sender does not hear that it was taken.
    cluster.network.disconnect(leader.id, away.id);
  });
  await caughtUp(lag);
  assert.ok(chunks > 50, `${chunks} chunks`);
  assert.ok(bytes <= chunks * 1000, `${bytes} bytes in ${chunks} chunks of 1000`);
  assert.equal(count(cluster, 'sending a snapshot {'), 3, 'one for each that joined, and one for this');
  assert.ok(count(cluster, 'goes on where it broke off') >= chunks - 1);
});

void test('the log is kept for who is brought a snapshot, until that one has caught up', async () => {
  const lag = await lagging(72);
  const { cluster, away } = lag;
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
  const before = installations(cluster);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  await write(cluster, 200);
  gate.open();
  await caughtUp(lag);
  assert.equal(installations(cluster), before + 1);
});

void test('a snapshot that arrived damaged is brought anew, from another view', async () => {
  const lag = await lagging(73);
  const { cluster, away } = lag;
  await cluster.start(away);
  watchArrival(lag, (incoming, chunk) => {
    if (chunk.number !== 20 || count(cluster, 'arrived damaged') > 0) return incoming.write(chunk);
    const bytes = chunk.bytes.slice();
    bytes[500]! ^= 4;
    return incoming.write({ ...chunk, bytes });
  });
  await caughtUp(lag);
  assert.equal(count(cluster, 'arrived damaged'), 1);
  assert.equal(count(cluster, 'sending a snapshot {'), 4);
});

void test('a leader writes nothing for one that lags', async () => {
  const lag = await lagging(74);
  const { cluster, leader, away } = lag;
  await cluster.until(() => leader.backend.unflushedCommits === 0);
  const paths = leader.disk.paths();
  leader.disk.capacityBytes = leader.disk.usedBytes;
  await cluster.start(away);
  await cluster.until(() => away.member.status().appliedIndex >= leader.member.status().commitIndex);
  assert.deepEqual(leader.disk.paths(), paths);
  assert.equal(leader.running, true);
});

void test('a snapshot that does not fit is not begun, and one that no longer fits leaves nothing behind', async () => {
  const lag = await lagging(75, { diskReserveSizeBytes: 100_000 });
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  limitSpace(lag, 150_000);
  const log = away.disk.usedBytes;
  const refused = (): number => count(cluster, "are the log's");
  await cluster.until(() => refused() > 0 && !away.member.serving);
  assert.equal(away.backend.arrivingSizeBytes, undefined);

  limitSpace(lag, 1_000_000);
  let isFilled = false;
  watchArrival(lag, (incoming, chunk) => {
    if (chunk.number === 30 && !isFilled) limitSpace(lag, 100_000);
    isFilled ||= chunk.number === 30;
    return incoming.write(chunk);
  });
  const peer = () => leader.member.peers().find(({ id }) => id === away.id)!;
  await cluster.until(() => isFilled && peer().snapshotFailure.includes("are the log's"));
  assert.equal(away.backend.arrivingSizeBytes, undefined);
  const told = peer().snapshot;
  assert.ok(told === undefined || told.doneBytes === 0, 'nothing of it is there');
  assert.equal(count(cluster, 'goes on where it stopped'), 0);
  assert.equal(away.member.serving, false, 'what it lacks it still lacks');
  assert.equal(away.running, true);
  assert.ok(away.disk.usedBytes - log < 100_000);

  // It votes meanwhile, and what it says is on its disk.
  cluster.crash(leader);
  await cluster.until(() => cluster.leader() !== undefined);
  assert.equal(away.member.status().term, cluster.leader()!.status().term);
  await cluster.start(leader);
  await write(cluster, 5);
  away.disk.capacityBytes = Infinity;
  await caughtUp(lag);
});

for (const [step, happens] of [
  ['before it is durable', ({ away }: Lag, gate: Gate) => holdState(away, 'prepare', gate)],
  ['before the state is switched', ({ away }: Lag, gate: Gate) => holdState(away, 'activate', gate)],
  ['between state and log', holdLog],
] as const) {
  void test(`a crash in an installation, ${step}, comes back to one of the two states`, async () => {
    const lag = await lagging(76);
    const { cluster, away } = lag;
    const gate = new Gate();
    await cluster.start(away);
    happens(lag, gate);
    await cluster.until(() => gate.arrivals > 0);
    const applied = away.backend.applied.index;
    cluster.crash(away);
    const parts = await cluster.openApart(away);
    assert.equal(parts.machine.applied.index, applied);
    assert.equal(applied > 40, step === 'between state and log');
    await parts.wal.close();
    away.backend.faults = () => undefined;
    await cluster.start(away);
    await caughtUp(lag);
  });
}

function holdState({ backend }: Machine, at: 'prepare' | 'activate', gate: Gate): void {
  backend.faults = (operation) => (operation === at ? gate.pass() : undefined);
}

function holdLog({ away }: Lag, gate: Gate): void {
  const { backend, disk } = away;
  disk.faults = (_, path) => {
    const isInstalled = backend.installedAt?.index === backend.applied.index && backend.applied.index > 30;
    return isInstalled && path.startsWith('wal') ? gate.pass() : undefined;
  };
}

void test('no more views are open than there may be: one more waits', async () => {
  const options = { snapshotViewsMax: 1, logEntriesKept: 20, snapshotChunkSizeBytes: 1000 };
  const cluster = await MemoryCluster.of(1, 77, options);
  const leader = cluster.leaderMachine();
  await write(cluster, 40);
  const joiners = [cluster.machine(), cluster.machine(), cluster.machine()];
  let most = 0;
  for (const machine of joiners) {
    const { id, name, address } = machine;
    const request = { id, name, peerAddress: address, levels: knownLevels };
    const { members, secret } = await cluster.settled(leader.member.join(request));
    await cluster.start(machine, { contacts: members, secret });
  }
  await cluster.until(() => {
    most = Math.max(most, leader.backend.viewCount);
    return joiners.every((each) => each.member.holdsOwnRecord());
  }, 60_000);
  assert.equal(most, 1);
  assert.ok(count(cluster, 'as many snapshots are on their way as there may be') > 0);
});

void test('what broke off is kept for a time, and given up by both ends then', async () => {
  const lag = await lagging(78, { snapshotKeptMs: 20_000 });
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  watchArrival(lag, (incoming, chunk) => {
    const isFirst = count(cluster, 'broke off') === 0;
    if (chunk.number === 20 && isFirst) cluster.network.partition([leader.id], [away.id]);
    return incoming.write(chunk);
  });
  await cluster.until(() => count(cluster, 'broke off') > 0);
  const isHeld = (): boolean => (away.backend.arrivingSizeBytes ?? 0) > 0 && leader.backend.viewCount === 1;
  await cluster.clock.advanceAsync(15_000);
  assert.ok(isHeld());
  await cluster.clock.advanceAsync(15_000);
  assert.deepEqual([away.backend.arrivingSizeBytes, leader.backend.viewCount], [undefined, 0]);
  cluster.network.heal();
  await caughtUp(lag);
});

void test('a view that keeps too much on disk is given up, and the transfer begins anew', async () => {
  const lag = await lagging(79, { snapshotGrowthSizeBytesMax: 60_000 });
  const { cluster, leader, away } = lag;
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  await write(cluster, 10);
  assert.equal(leader.backend.viewCount, 1);
  await write(cluster, 60);
  await cluster.until(() => count(cluster, 'is given up') > 0);
  assert.equal(leader.backend.viewCount, 0);
  gate.open();
  await caughtUp(lag);
});

/** Takes its place in the log, and leaves the state as it is. */
async function writeLogOnly(cluster: MemoryCluster, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    const { member } = cluster.leaderMachine();
    const row = { type: 'put', key: encodeUtf8('k0'), value: new Uint8Array(1000) } as const;
    await cluster.settled(
      member.write({ ...row, lease: 0n, previous: false, expectedModRevision: 1_000_000 }),
    );
  }
}

void test('a leader whose disk runs full of what it keeps of the log for one that lags keeps it no longer', async () => {
  const kept = { logSizeBytesKept: 20_000, logMarkSizeBytes: 1000, diskReserveSizeBytes: 150_000 };
  const lag = await lagging(81, kept);
  const { cluster, leader, away } = lag;
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  leader.disk.capacityBytes = leader.disk.usedBytes + 400_000;
  await writeLogOnly(cluster, 800);
  assert.equal(leader.running, true);
  assert.ok(count(cluster, 'is given up') > 0);
  gate.open();
  leader.disk.capacityBytes = Infinity;
  await caughtUp(lag);
});

void test('nor for one that was brought a snapshot and catches up too slowly', async () => {
  const kept = { logSizeBytesKept: 80_000, logMarkSizeBytes: 1000, diskReserveSizeBytes: 150_000 };
  const lag = await lagging(82, kept);
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  await cluster.until(() => count(cluster, 'snapshot installed') > 2);
  const end = cluster.network.hold(({ to, message }) => {
    return to === away.id && message?.type === 'append' && message.entries.length > 0;
  });
  leader.disk.capacityBytes = leader.disk.usedBytes + 330_000;
  await writeLogOnly(cluster, 800);
  assert.equal(leader.running, true);
  assert.ok(count(cluster, 'the log is kept no longer') > 0);
  end();
  leader.disk.capacityBytes = Infinity;
  await caughtUp(lag);
});

void test('a joining member takes in a state whose rows are larger than a chunk', async () => {
  const cluster = await MemoryCluster.of(1, 80, { snapshotChunkSizeBytes: 10_000 });
  const leader = cluster.leaderMachine();
  const value = 'x'.repeat(200_000);
  for (let at = 0; at < 5; at++) await cluster.settled(put(leader.member, `k${at}`, value));
  const joiner = cluster.machine();
  await cluster.join(joiner, leader);
  assert.equal(await cluster.settled(get(joiner.member, 'k4')), value);
});
