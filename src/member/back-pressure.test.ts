import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../raft/types.js';
import { encodeUtf8 } from '../base/bytes.js';
import type { Command } from '../fsm/command.js';
import { ApplyQueue } from './apply-queue.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

const value = 'v'.repeat(1000);
const limits = { stateBacklogSizeBytesMax: 20_000, uncommittedSizeBytesMax: 30_000 };
/**
 * What one more write may add, once the limit is not reached: its pair, its revision and their keys. The changes stand in a
 * row that grows to 16 KiB, and counts whole in each transaction that has some of them.
 */
const writeSizeBytesMax = 2500 + 16 * 1024;

/** From now on nothing of its state reaches the disk. @returns lets it */
function stall(machine: Machine): () => void {
  let release = (): void => {};
  const stalled = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  machine.backend.faults = (operation) => (operation === 'flush' ? stalled : undefined);
  return () => {
    machine.backend.faults = () => undefined;
    release();
  };
}

/** Begins one write a turn. */
async function writeMany(
  cluster: MemoryCluster,
  machine: Machine,
  count: number,
): Promise<Promise<boolean>[]> {
  const writes: Promise<boolean>[] = [];
  for (let at = 0; at < count; at++) {
    const write = put(machine.member, `k${at}`, value, { timeoutMs: 60_000 });
    writes.push(
      write.then(
        () => true,
        () => false,
      ),
    );
    await cluster.clock.advanceAsync(5);
  }
  return writes;
}

function entry(index: number, sizeBytes: number): Entry {
  return { term: 1, index, type: 'normal', data: new Uint8Array(sizeBytes) };
}

void test('a queue gives nothing at the limit of the backlog, and is full at its own', () => {
  const backend = { backlogSizeBytes: 0 };
  const machine = { boundToItsEnd: false };
  const queueLimits = { stateBacklogSizeBytesMax: 100, uncommittedSizeBytesMax: 10 };
  const queue = new ApplyQueue(backend, machine, queueLimits);
  assert.deepEqual([queue.ready, queue.first], [false, undefined]);
  queue.add([entry(1, 4), entry(2, 5)]);
  assert.equal(queue.full, false);
  queue.add([entry(3, 1)]);
  assert.equal(queue.full, true);
  backend.backlogSizeBytes = 100;
  assert.equal(queue.ready, false);
  machine.boundToItsEnd = true;
  assert.equal(queue.ready, true, 'half an entry never gets to disk');
  machine.boundToItsEnd = false;
  backend.backlogSizeBytes = 99;
  assert.equal(queue.ready, true);
  assert.equal(queue.first?.index, 1);
  queue.shift();
  assert.equal(queue.first.index, 2);
  assert.equal(queue.full, false);
  queue.clear();
  assert.deepEqual([queue.ready, queue.first], [false, undefined]);
});

void test('a member whose disk does not keep up waits for it: memory is bounded, and nothing is lost', async () => {
  const { stateBacklogSizeBytesMax } = limits;
  const cluster = await MemoryCluster.of(1, 41, { stateBacklogSizeBytesMax });
  const machine = cluster.machines[0]!;
  const release = stall(machine);
  const writes = await writeMany(cluster, machine, 100);
  await cluster.clock.advanceAsync(5000);
  const { backlogSizeBytes, applied } = machine.backend;
  assert.ok(backlogSizeBytes >= stateBacklogSizeBytesMax, `${backlogSizeBytes} bytes`);
  assert.ok(backlogSizeBytes < stateBacklogSizeBytesMax + writeSizeBytesMax, `${backlogSizeBytes} bytes`);
  const { role, lastIndex } = machine.member.status();
  assert.equal(role, 'leader');
  assert.ok(lastIndex > applied.index, 'the log took more');
  assert.ok(lastIndex - applied.index <= cluster.options.entriesInFlightMax);
  release();
  const done = await cluster.settled(Promise.all(writes));
  assert.ok(done.every(Boolean));
  cluster.crash(machine);
  await cluster.start(machine);
  for (let at = 0; at < 100; at++) {
    assert.equal(await cluster.settled(get(machine.member, `k${at}`)), value);
  }
});

void test('a follower whose disk does not keep up holds up nobody, takes no more than it may, and catches up', async () => {
  const cluster = await MemoryCluster.of(3, 42, limits);
  const leader = cluster.leaderMachine();
  const [slow] = cluster.followers();
  const { term } = leader.member.status();
  const release = stall(slow!);
  // One after the other: each is an entry.
  for (let at = 0; at < 200; at++) await cluster.settled(put(leader.member, `k${at}`, value));
  await cluster.clock.advanceAsync(5000);
  const status = slow!.member.status();
  assert.ok(slow!.backend.backlogSizeBytes < limits.stateBacklogSizeBytesMax + writeSizeBytesMax);
  // Besides what is full: what came before it was known to be committed.
  const heldSizeBytes = (status.lastIndex - status.appliedIndex) * value.length;
  assert.ok(heldSizeBytes >= limits.uncommittedSizeBytesMax, `${heldSizeBytes} bytes`);
  assert.ok(heldSizeBytes < 2 * limits.uncommittedSizeBytesMax, `${heldSizeBytes} bytes`);
  assert.deepEqual([leader.member.status().role, leader.member.status().term], ['leader', term]);
  release();
  await cluster.until(() => slow!.member.status().appliedIndex === leader.member.status().appliedIndex);
  assert.equal(slow!.member.hash(), leader.member.hash());
});

void test('a leader whose disk does not keep up refuses what would be too much, and goes on when it may', async () => {
  const cluster = await MemoryCluster.of(3, 43, limits);
  const leader = cluster.leaderMachine();
  const [writer] = cluster.followers();
  const { term } = leader.member.status();
  const release = stall(leader);
  const writes = await writeMany(cluster, writer!, 200);
  await cluster.clock.advanceAsync(5000);
  const { role, lastIndex, appliedIndex } = leader.member.status();
  assert.equal(role, 'leader');
  assert.ok((lastIndex - appliedIndex - 1) * value.length <= limits.uncommittedSizeBytesMax);
  assert.equal(await cluster.refusal(put(writer!.member, 'more', value)), 'LIMIT_EXCEEDED');
  release();
  await cluster.settled(put(writer!.member, 'after', value));
  const done = await cluster.settled(Promise.all(writes));
  const taken = done.filter(Boolean).length;
  assert.ok(taken >= limits.uncommittedSizeBytesMax / value.length && taken < done.length, `${taken} taken`);
  for (const [at, acknowledged] of done.entries()) {
    assert.equal(await cluster.settled(get(leader.member, `k${at}`)), acknowledged ? value : undefined);
  }
  assert.equal(leader.member.status().term, term);
});

void test('what waits to be applied is dropped when a snapshot that holds it is installed', async () => {
  const cluster = await MemoryCluster.of(3, 44, { ...limits, logEntriesKept: 10 });
  const leader = cluster.leaderMachine();
  const [slow] = cluster.followers();
  const release = stall(slow!);
  for (const write of await writeMany(cluster, leader, 100)) assert.ok(await cluster.settled(write));
  const installed = (): boolean =>
    cluster.events.some((each) => each.includes(`${slow!.name} snapshot installed`));
  // Its log ends so far back that the leader no longer reaches there.
  await cluster.until(() => {
    put(leader.member, 'more', value).catch(() => {});
    return installed();
  });
  release();
  await cluster.settled(put(leader.member, 'after', value));
  await cluster.until(() => slow!.member.status().appliedIndex === leader.member.status().appliedIndex);
  assert.equal(slow!.member.hash(), leader.member.hash());
});

void test('an entry that is more than may wait for the disk is applied all the same', async () => {
  const { stateBacklogSizeBytesMax } = limits;
  const cluster = await MemoryCluster.of(1, 46, { stateBacklogSizeBytesMax, applyUnitsMax: 10 });
  const { member } = cluster.machines[0]!;
  const commands = Array.from({ length: 100 }, (_, at): Command => {
    return { type: 'put', key: encodeUtf8(`k${at}`), value: encodeUtf8(value), lease: 0n, previous: false };
  });
  const results = await cluster.settled(member.writeAll(commands, { timeoutMs: 60_000 }));
  assert.equal(results.length, 100);
  assert.equal(await cluster.settled(get(member, 'k99')), value);
});
