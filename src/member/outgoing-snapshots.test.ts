import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { formatId } from '../base/ids.js';
import { DiskError } from '../ports/disk.js';
import { failureLogIntervalMs } from './attempt-failure.js';
import { Gate } from './testing/gate.js';
import { caughtUp, count, installations, lagging, watchArrival, write, type Lag } from './testing/lagging.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** What is opened from now on is handed out when the gate is open. */
function holdViews({ backend }: Machine, gate: Gate): void {
  const view = backend.view.bind(backend);
  backend.view = async () => {
    const opened = await view();
    await gate.pass();
    return opened;
  };
}

function begun({ events }: MemoryCluster, to: Machine): number {
  const id = formatId(to.id);
  return events.filter((event) => event.includes(' sending a snapshot {') && event.includes(id)).length;
}

void test('the log is kept for a view that is still being opened', async () => {
  const lag = await lagging(111);
  const { cluster, leader, away } = lag;
  const gate = new Gate();
  holdViews(leader, gate);
  const before = begun(cluster, away);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  await write(cluster, 60);
  await cluster.until(() => leader.backend.unflushedCommits === 0);
  gate.open();
  await caughtUp(lag);
  assert.deepEqual([gate.arrivals, begun(cluster, away) - before], [1, 1]);
});

void test('a view that is being opened counts as one of those that there may be', async () => {
  const cluster = await MemoryCluster.of(5, 112, {
    ...{ snapshotViewsMax: 1, logEntriesKept: 20, snapshotChunkSizeBytes: 1000 },
  });
  const leader = cluster.leaderMachine();
  const away = cluster.followers().slice(0, 2);
  for (const each of away) cluster.crash(each);
  await write(cluster, 40);
  const gate = new Gate();
  holdViews(leader, gate);
  for (const each of away) await cluster.start(each);
  await cluster.until(() => count(cluster, 'as many snapshots are on their way') > 0);
  assert.equal(gate.arrivals, 1);
  gate.open();
  await cluster.until(() =>
    away.every(({ member }) => member.status().appliedIndex === leader.member.status().commitIndex),
  );
});

void test('what was brought a snapshot catches up from the log, however much is written before it gets on', async () => {
  const lag = await lagging(113);
  const { cluster, leader, away } = lag;
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
  const before = installations(cluster);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  await write(cluster, 10);
  const end = cluster.network.hold(({ to, message }) => {
    return to === away.id && message?.type === 'append' && message.entries.length > 0;
  });
  gate.open();
  await cluster.until(() => installations(cluster) > before);
  await write(cluster, 100);
  await cluster.until(() => leader.backend.unflushedCommits === 0);
  end();
  await caughtUp(lag);
  assert.equal(installations(cluster), before + 1);
});

/** When a snapshot was offered to the machine, and whether that comes through. */
function watchOffers({ cluster, away }: Lag, isTaken: () => boolean): readonly number[] {
  const station = cluster.network.at(away.address)!;
  const offered = station.offered.bind(station);
  const offersMs: number[] = [];
  station.offered = async (from, to, offer) => {
    offersMs.push(cluster.clock.monotonicMs());
    if (!isTaken()) throw new Error('the connection was closed');
    return offered(from, to, offer);
  };
  return offersMs;
}

/** At least so much after the one before, and not much more: Raft waits for a sign of life before it asks again. */
function assertPauses(offersMs: readonly number[], pausesMs: readonly number[]): void {
  for (const [at, pauseMs] of pausesMs.entries()) {
    const passedMs = offersMs[at + 1]! - offersMs[at]!;
    assert.ok(passedMs >= pauseMs && passedMs < pauseMs + 400, `${passedMs} ms for ${pauseMs} ms`);
  }
}

void test('attempts that bring nothing come ever more slowly, and soon again where one brings something', async () => {
  const lag = await lagging(114);
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  let isTaken = false;
  const offersMs = watchOffers(lag, () => isTaken);
  watchArrival(lag, async (incoming, chunk) => {
    await incoming.write(chunk);
    if (chunk.number !== 5) return;
    isTaken = false;
    cluster.network.disconnect(leader.id, away.id);
  });
  await cluster.until(() => offersMs.length === 6);
  isTaken = true;
  await cluster.until(() => offersMs.length === 9);
  isTaken = true;
  assertPauses(offersMs, [500, 1000, 2000, 4000, 4000, 4000, 500, 500]);
  await caughtUp(lag);
});

void test('a leader that meets damage as it opens a view stops, and the next one sends its own', async () => {
  const lag = await lagging(115);
  const { cluster, leader, away } = lag;
  leader.backend.view = () => Promise.reject(new KvorumError('DATA_DAMAGED', 'the position is not readable'));
  await cluster.start(away);
  await cluster.until(() => leader.life?.stopped?.kind === 'failed');
  await caughtUp(lag);
});

void test('a receiver that takes nothing keeps nobody else from being brought the state, and goes on later', async () => {
  const options = { snapshotViewsMax: 1, snapshotStallMs: 5000, snapshotKeptMs: 20_000 };
  const lag = await lagging(116, options);
  const { cluster, leader, away } = lag;
  const gate = new Gate();
  let isHung = true;
  away.backend.faults = (operation) => (operation === 'add' && isHung ? gate.pass() : undefined);
  const before = begun(cluster, away);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  // Nobody else waits: the view stays.
  await cluster.until(() => count(cluster, 'has taken nothing for 5000 ms') > 0);
  await cluster.until(() => failureTo(leader, away).includes('not wanted now'));
  assert.deepEqual([leader.backend.viewCount, begun(cluster, away) - before], [1, 1]);
  await cluster.join(cluster.machine(), leader);
  isHung = false;
  gate.open();
  await caughtUp(lag);
});

void test('a receiver may take any time to make the state durable', async () => {
  const lag = await lagging(117, { snapshotStallMs: 1000 });
  const { cluster, away } = lag;
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'prepare' ? gate.pass() : undefined);
  const before = installations(cluster);
  await cluster.start(away);
  await cluster.until(() => gate.arrivals > 0);
  await cluster.clock.advanceAsync(600_000);
  gate.open();
  await cluster.until(() => installations(cluster) > before);
  await caughtUp(lag);
  assert.deepEqual([count(cluster, 'broke off'), gate.arrivals], [0, 1]);
});

void test('one that is slow, and takes something now and then, is no receiver that takes nothing', async () => {
  const lag = await lagging(118, { snapshotStallMs: 1000 });
  const { cluster, away } = lag;
  await cluster.start(away);
  watchArrival(lag, async (incoming, chunk) => {
    await new Promise<void>((resolve) => cluster.clock.setTimer(900, resolve));
    await incoming.write(chunk);
  });
  await cluster.until(() => installations(cluster) > 2, 120_000);
  await caughtUp(lag);
  assert.equal(count(cluster, 'broke off'), 0);
});

function failureTo(leader: Machine, to: Machine): string {
  return leader.member.peers().find(({ id }) => id === to.id)?.snapshotFailure ?? '';
}

void test('a refusal is logged once, and then now and then; who asks is told as long as it lasts', async () => {
  const lag = await lagging(119, { diskReserveSizeBytes: 100_000 });
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  away.disk.capacityBytes = away.disk.usedBytes + 150_000;
  const told = (): number => count(cluster, 'sending a snapshot failed');
  await cluster.until(() => told() > 0);
  const offersMs = watchOffers(lag, () => true);
  // The reason names what is free.
  const isEven = (): boolean => offersMs.length % 2 === 0;
  away.disk.takenByOthers = () => (isEven() ? 1000 : 0);
  await cluster.clock.advanceAsync(failureLogIntervalMs - 5000);
  assert.ok(offersMs.length > 10, `${offersMs.length} offers`);
  assert.equal(told(), 1);
  assert.match(failureTo(leader, away), /refused.*are the log's/);
  await cluster.clock.advanceAsync(10_000);
  assert.equal(told(), 2);
  away.disk.capacityBytes = Infinity;
  let inTransfer = 'no third chunk';
  watchArrival(lag, (incoming, chunk) => {
    if (chunk.number === 3) inTransfer = failureTo(leader, away);
    return incoming.write(chunk);
  });
  await caughtUp(lag);
  assert.deepEqual([inTransfer, failureTo(leader, away)], ['', '']);
});

/** Two members away, and one view for both. */
async function twoAway(seed: number) {
  const cluster = await MemoryCluster.of(5, seed, {
    ...{ snapshotViewsMax: 1, logEntriesKept: 20, snapshotChunkSizeBytes: 1000 },
    ...{ diskReserveSizeBytes: 0, snapshotStallMs: 5000 },
  });
  const leader = cluster.leaderMachine();
  const [first, second] = cluster.followers() as [Machine, Machine];
  for (const each of [first, second]) cluster.crash(each);
  await write(cluster, 40);
  const hasAll = (each: Machine): boolean =>
    each.member.status().appliedIndex === leader.member.status().commitIndex;
  return { cluster, leader, first, second, hasAll };
}

void test('one that takes some of the state and then refuses it, again and again, keeps nobody else waiting', async () => {
  const { cluster, first, second, hasAll } = await twoAway(120);
  let taken = 0;
  let refusals = 0;
  first.backend.faults = (operation) => {
    if (operation !== 'add' || ++taken % 20 > 0) return undefined;
    refusals++;
    throw new DiskError('full', 'no room for it');
  };
  await cluster.start(first);
  await cluster.until(() => refusals > 0);
  await cluster.start(second);
  await cluster.until(() => hasAll(second), 60_000);
});

void test('one that had all of it, began anew and hangs before it says so takes nothing either', async () => {
  const { cluster, first, second, hasAll } = await twoAway(121);
  const [prepare, begin] = [new Gate(), new Gate()];
  first.backend.faults = (operation) => (operation === 'prepare' ? prepare.pass() : undefined);
  await cluster.start(first);
  await cluster.until(() => prepare.arrivals > 0);
  cluster.crash(first);
  await cluster.start(first);
  const beginInstall = first.backend.beginInstall.bind(first.backend);
  first.backend.beginInstall = async () => {
    await begin.pass();
    return beginInstall();
  };
  await cluster.until(() => begin.arrivals > 0);
  await cluster.start(second);
  await cluster.until(() => hasAll(second), 120_000);
});

void test('a member that leads no more does not say why a state does not arrive', async () => {
  const lag = await lagging(122, { diskReserveSizeBytes: 100_000 });
  const { cluster, leader, other, away } = lag;
  await cluster.start(away);
  away.disk.capacityBytes = away.disk.usedBytes + 150_000;
  await cluster.until(() => failureTo(leader, away) !== '');
  const handedOver = leader.member.transferLeadership(other.id);
  await cluster.until(() => cluster.leader() !== undefined && cluster.leaderMachine() !== leader);
  await handedOver;
  assert.equal(failureTo(leader, away), '');
});
