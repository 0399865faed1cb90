import assert from 'node:assert/strict';
import test from 'node:test';
import { keptSizeBytes } from '../raft/log.js';
import type { Entry } from '../raft/types.js';
import { LogRetention } from './log-retention.js';

const mebibyte = 1024 * 1024;

const entryOfMebibyte: Entry = { index: 1, term: 1, type: 'normal', data: new Uint8Array(mebibyte) };
const entrySizeBytes = keptSizeBytes(entryOfMebibyte);

/** Entries of 1 MiB each, from index 1 on. */
function retentionOf(entries: number): LogRetention {
  const retention = new LogRetention(
    {
      logEntriesKept: 1000,
      logSizeBytesKept: 2 * mebibyte,
      logMarkSizeBytes: mebibyte,
      logSizeBytesMax: Infinity,
      logMemorySizeBytes: Infinity,
    },
    [],
  );
  for (let index = 1; index <= entries; index++) {
    retention.appended({ ...entryOfMebibyte, index });
  }
  return retention;
}

void test('the log keeps the newest entries up to a size', () => {
  assert.equal(retentionOf(2).forgettable(1, 2), 0);
  assert.equal(retentionOf(3).forgettable(1, 3), 1);
  assert.equal(retentionOf(10).forgettable(1, 10), 8);
});

void test('the log keeps four times that size, and not a byte more, for whom a snapshot was brought', () => {
  assert.equal(retentionOf(8).overdue(8, 0), 0);
  assert.equal(retentionOf(9).overdue(9, 0), 1);
  assert.equal(retentionOf(20).overdue(20, 0), 12);
});

void test('and what was written while it was brought', () => {
  assert.equal(retentionOf(20).overdue(20, 5 * mebibyte), 7);
});

void test('what stands behind an index is known to the precision of a mark', () => {
  const retention = retentionOf(20);
  assert.equal(retention.sizeBytesBehind(0), 20 * entrySizeBytes);
  assert.equal(retention.sizeBytesBehind(15), 5 * entrySizeBytes);
  retention.forgotten(12);
  assert.equal(retention.sizeBytesBehind(15), 5 * entrySizeBytes);
  assert.equal(retention.sizeBytesBehind(3), 8 * entrySizeBytes);
});

void test('what is not applied is never forgotten', () => {
  assert.equal(retentionOf(20).forgettable(1, 5), 5);
  assert.equal(retentionOf(20).overdue(5, 0), 5);
});

void test('what a start found in the log counts', () => {
  const options = {
    ...{ logEntriesKept: 1000, logSizeBytesKept: 2 * mebibyte, logMarkSizeBytes: mebibyte },
    ...{ logSizeBytesMax: 3 * mebibyte, logMemorySizeBytes: mebibyte },
  };
  const found = [10, 20, 30, 40, 50].map((index) => ({ index, sizeBytes: mebibyte }));
  const retention = new LogRetention(options, found);
  assert.deepEqual([retention.beyondDisk(50), retention.beyondMemory(50)], [20, 40]);
  assert.deepEqual([retention.beyondDisk(15), retention.beyondMemory(15)], [10, 10]);
  assert.equal(retention.forgettable(1, 50), 30);
});

void test('an entry counts as what it costs, however small it is', () => {
  const retention = new LogRetention(
    {
      ...{ logEntriesKept: Infinity, logSizeBytesKept: mebibyte, logMarkSizeBytes: mebibyte },
      ...{ logSizeBytesMax: 2 * mebibyte, logMemorySizeBytes: mebibyte },
    },
    [],
  );
  for (let index = 1; index <= 20_000; index++) {
    retention.appended({ index, term: 1, type: 'empty', data: new Uint8Array() });
  }
  assert.ok(retention.beyondDisk(20_000) > 5000);
  assert.ok(retention.beyondMemory(20_000) > 10_000);
});
