import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { formatId } from '../base/ids.js';
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
