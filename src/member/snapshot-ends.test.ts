import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatId } from '../base/ids.js';
import { Prng } from '../base/prng.js';
import { Gate } from './testing/gate.js';
import { caughtUp, count, lagging, watchArrival, write, type Lag } from './testing/lagging.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';
import { SnapshotView } from './snapshot-view.js';

async function leads(cluster: MemoryCluster, machine: Machine): Promise<void> {
  await cluster.until(() => machine.member.status().role === 'leader');
}

void test('what the log made needless is removed before another snapshot begins to arrive', async () => {
  const cluster = await MemoryCluster.of(3, 90, { logEntriesKept: 20, diskReserveSizeBytes: 0 });
  const leader = cluster.leaderMachine();
  const [away, other] = cluster.followers() as [Machine, Machine];
  const [flush, prepare, removal] = [new Gate(), new Gate(), new Gate()];
  cluster.crash(away);
  // Its log is not cut before its state is on disk.
  other.backend.faults = (operation) => (operation === 'flush' ? flush.pass() : undefined);
  await write(cluster, 60);
  await cluster.start(away);
  away.backend.faults = (operation) => {
    if (operation === 'prepare') return prepare.pass();
    return operation === 'abort' ? removal.pass() : undefined;
  };
  await cluster.until(() => prepare.arrivals > 0);
  cluster.network.partition([leader.id], [other.id, away.id]);
  await leads(cluster, other);
  await cluster.until(() => away.member.status().appliedIndex === other.member.status().commitIndex);
  prepare.open();
  await cluster.until(() => removal.arrivals > 0);

  cluster.network.heal();
  cluster.network.partition([away.id], [leader.id, other.id]);
  flush.open();
  await write(cluster, 60);
  cluster.network.heal();
  await cluster.until(() => count(cluster, 'not wanted now') > 0 || !away.running);
  removal.open();
  await caughtUp({ cluster, leader, other, away });
});

/** The first transfer breaks off in its middle, and both ends are apart. */
async function brokenOff(lag: Lag): Promise<void> {
  const { cluster, leader, away } = lag;
  await cluster.start(away);
  let isFirst = true;
  watchArrival(lag, (incoming, chunk) => {
    if (chunk.number === 20 && isFirst) cluster.network.partition([leader.id], [away.id]);
    isFirst &&= chunk.number < 20;
    return incoming.write(chunk);
  });
  await cluster.until(() => count(cluster, 'broke off') > 0);
}

void test('a transfer that cannot go on from its view, for the log has left it behind, is one like others', async () => {
  const lag = await lagging(91, {
    logSizeBytesMax: 30_000,
    logSizeBytesKept: 10_000,
    logMarkSizeBytes: 1000,
  });
  const { cluster, leader, away } = lag;
  await brokenOff(lag);
  await write(cluster, 100);
  await cluster.until(() => leader.backend.unflushedCommits === 0);
  const gate = new Gate();
  away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
  cluster.network.heal();
  await cluster.until(() => gate.arrivals > 0);
  const peer = leader.member.peers().find(({ id }) => id === away.id);
  assert.ok(peer?.snapshot !== undefined, 'it is told of');
  await cluster.settled(leader.member.stop());
  assert.equal(leader.backend.viewCount, 0);
  gate.open();
});

void test('a state of a newer term takes effect when this member knows the term after every crash', async () => {
  const lag = await lagging(92);
  const { cluster, leader, other, away } = lag;
  const [flush, log] = [new Gate(), new Gate()];
  await cluster.until(() => leader.backend.unflushedCommits === 0);
  await write(cluster, 1);
  leader.backend.faults = (operation) => (operation === 'flush' ? flush.pass() : undefined);
  await cluster.start(away);
  await cluster.until(() => flush.arrivals > 0 && away.member.status().leader === leader.id);
  await cluster.clock.advanceAsync(300);
  // It hears nothing but the snapshot, whose view is opened two terms later.
  const end = cluster.network.hold(({ to, message }) => to === away.id && message !== undefined);
  const before = away.member.status().term;
  await cluster.settled(leader.member.transferLeadership(other.id));
  await cluster.settled(other.member.transferLeadership(leader.id));
  await write(cluster, 1);
  away.disk.faults = (operation, path) =>
    operation === 'write' && path.startsWith('wal/') ? log.pass() : undefined;
  const applied = away.backend.applied.index;
  // With what the view waits for, what came since goes to disk.
  const flushed = leader.backend.flush();
  flush.open();
  await cluster.settled(flushed);
  await cluster.until(() => away.member.status().term === before + 2);
  await cluster.clock.advanceAsync(200);
  assert.ok(log.arrivals > 0);
  cluster.crash(away);
  assert.equal(away.backend.applied.index, applied);
  end();
  await cluster.start(away);
  await caughtUp(lag);
});

void test('a view that the log does not go on from is closed', async () => {
  const { cluster, away } = await lagging(93);
  const { raft, backend, clock } = await cluster.openApart(away);
  backend.commit({ index: raft.lastIndex + 1, term: raft.term });
  const opening = SnapshotView.open({
    ...{ raft, backend, clock, random: new Prng(1), chunkSizeBytes: 1000 },
    ...{ featureLevel: () => 1, damaged: () => assert.fail('nothing is damaged') },
  });
  await assert.rejects(opening);
  assert.equal(away.backend.viewCount, 0);
});

void test('where only one can be brought a snapshot, one whose link breaks all the time keeps its turn', async () => {
  const lag = await lagging(94, { snapshotViewsMax: 1 });
  const { cluster, leader, away } = lag;
  const fourth = cluster.machine();
  await cluster.start(away);
  watchArrival(lag, async (incoming, chunk) => {
    await incoming.write(chunk);
    if (chunk.number % 10 === 0) cluster.network.disconnect(leader.id, away.id);
  });
  const begun = (): number => cluster.events.filter((event) => isBegin(event, leader, away)).length;
  const before = begun();
  const joined = cluster.join(fourth, leader);
  await caughtUp(lag);
  await joined;
  assert.equal(begun(), before + 1);
});

function isBegin(event: string, from: Machine, to: Machine): boolean {
  return event.includes(` ${from.name} sending a snapshot {`) && event.includes(formatId(to.id));
}
