import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../ports/virtual-clock.js';
import type { SnapshotChunk, SnapshotEnd } from '../ports/peers.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import { RowEncoder } from '../storage/backend/row-stream.js';
import { MemoryDisk } from '../storage/disk/memory-disk.js';
import { keptLookIntervalMs, SnapshotArrival } from './snapshot-arrival.js';
import { Gate } from './testing/gate.js';
import { TransferSpace } from './transfer-space.js';

const reserveSizeBytes = 1000;

async function chunksOfState(): Promise<{
  readonly chunks: readonly SnapshotChunk[];
  readonly end: SnapshotEnd;
}> {
  const backend = new MemoryBackend();
  for (let at = 0; at < 10; at++) backend.put('current', Buffer.from(`k${at}`), Buffer.alloc(50, at));
  backend.commit({ index: 9, term: 2 });
  const rows = new RowEncoder(await backend.view(), 60);
  const chunks: SnapshotChunk[] = [];
  for (;;) {
    const next = rows.next();
    if (!('bytes' in next)) return { chunks, end: next };
    chunks.push(next);
  }
}

async function arriving(keptMs = 1000) {
  const config = { voters: [1n], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const meta = { index: 9, term: 2, configIndex: 1, config };
  const [backend, clock, told] = [new MemoryBackend(), new VirtualClock(), [] as string[]];
  const disk = new MemoryDisk();
  const install = await backend.beginInstall();
  const arrival = new SnapshotArrival(1n, { id: 1n, meta, featureLevel: 1, sizeBytesEstimated: 0 }, install, {
    ...{ clock, keptMs, space: new TransferSpace(disk, reserveSizeBytes), moved: () => {} },
    ended: () => void told.push('ended'),
    arrived: () => void told.push('arrived'),
  });
  return { arrival, backend, clock, disk, told, ...(await chunksOfState()) };
}

/** A chunk of it is here, and its connection has broken. */
async function kept(keptMs: number) {
  const arrived = await arriving(keptMs);
  const connection = arrived.arrival.connect();
  await connection.write(arrived.chunks[0]!);
  await connection.suspend();
  return arrived;
}

void test('what comes late by an earlier connection gets no further, and does no harm', async () => {
  const { arrival, told, chunks, end } = await arriving();
  const first = arrival.connect();
  await first.write(chunks[0]!);
  await first.suspend();
  const second = arrival.connect();
  await assert.rejects(first.write(chunks[1]!), { code: 'CANCELLED' });
  await assert.rejects(first.finish(end), { code: 'CANCELLED' });
  await first.suspend();
  assert.equal(arrival.isKept, false);
  for (const chunk of chunks.slice(1)) await second.write(chunk);
  await second.finish(end);
  assert.deepEqual(told, ['ended', 'arrived']);
});

void test('what is kept is given up after a time, and not once it is gone on with', async () => {
  const keptMs = 10_500;
  const { arrival, backend, clock, told, chunks } = await arriving(keptMs);
  const first = arrival.connect();
  await first.write(chunks[0]!);
  await first.suspend();
  await clock.advanceAsync(keptMs - 1);
  const second = arrival.connect();
  await clock.advanceAsync(10 * keptMs);
  assert.deepEqual(told, []);
  await second.write(chunks[1]!);
  await second.suspend();
  await clock.advanceAsync(keptMs - 1);
  assert.deepEqual(told, []);
  await clock.advanceAsync(1);
  assert.deepEqual(told, ['ended']);
  assert.equal(backend.arrivingSizeBytes, undefined);
});

void test('once all of it is here it gives way to no other, and whoever ends it waits until it is removed', async () => {
  const { arrival, backend, told, chunks, end } = await arriving();
  const [prepare, removal] = [new Gate(), new Gate()];
  const connection = arrival.connect();
  assert.equal(arrival.mayGiveWay, true);
  for (const chunk of chunks) await connection.write(chunk);
  backend.faults = (operation) => (operation === 'prepare' ? prepare : removal).pass();
  const finished = assert.rejects(connection.finish(end));
  assert.deepEqual([arrival.mayGiveWay, arrival.isKept], [false, false]);
  const ends = [arrival.abort(), arrival.abort()].map((each) => each.then(() => backend.arrivingSizeBytes));
  prepare.open();
  assert.deepEqual(told, []);
  removal.open();
  assert.deepEqual(await Promise.all(ends), [undefined, undefined]);
  await finished;
  assert.deepEqual(told, ['ended']);
});

void test('what is kept is given up where the disk becomes short of it, and not while there is just enough', async () => {
  const { backend, clock, disk, told } = await kept(300_000);
  disk.capacityBytes = disk.usedBytes + reserveSizeBytes;
  await clock.advanceAsync(10 * keptLookIntervalMs);
  assert.deepEqual(told, []);
  disk.capacityBytes--;
  await clock.advanceAsync(keptLookIntervalMs);
  assert.deepEqual(told, ['ended']);
  assert.equal(backend.arrivingSizeBytes, undefined);
});

void test('what is gone on with is not given up for what was seen of the disk before', async () => {
  const { arrival, clock, disk, told } = await kept(300_000);
  const gate = new Gate();
  disk.space = async () => {
    await gate.pass();
    return 0;
  };
  await clock.advanceAsync(keptLookIntervalMs);
  assert.equal(gate.arrivals, 1);
  arrival.connect();
  gate.open();
  await clock.advanceAsync(10 * keptLookIntervalMs);
  assert.deepEqual(told, []);
  assert.equal(arrival.isKept, false);
});

void test('what is kept is given up in time though the disk does not say what is free', async () => {
  const keptMs = 2 * keptLookIntervalMs + 500;
  const { backend, clock, disk, told } = await kept(keptMs);
  const gate = new Gate();
  disk.space = async () => {
    await gate.pass();
    return 10 * reserveSizeBytes;
  };
  await clock.advanceAsync(keptMs);
  assert.deepEqual([gate.arrivals, told], [1, ['ended']]);
  gate.open();
  await clock.advanceAsync(10 * keptMs);
  assert.deepEqual([gate.arrivals, backend.arrivingSizeBytes], [1, undefined]);
});
