import assert from 'node:assert/strict';
import test from 'node:test';
import { LogRetention } from './log-retention.js';

const mebibyte = 1024 * 1024;

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
    retention.appended({ index, term: 1, type: 'normal', data: new Uint8Array(mebibyte) });
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
  assert.equal(retention.sizeBytesBehind(0), 20 * mebibyte);
  assert.equal(retention.sizeBytesBehind(15), 5 * mebibyte);
  retention.forgotten(12);
  assert.equal(retention.sizeBytesBehind(15), 5 * mebibyte);
  assert.equal(retention.sizeBytesBehind(3), 8 * mebibyte);
});

void test('what is not applied is never forgotten', () => {
  assert.equal(retentionOf(20).forgettable(1, 5), 5);
  assert.equal(retentionOf(20).overdue(5, 0), 5);
});
