import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvariantError } from '../base/assert.js';
import { Inflights, Progress } from './progress.js';

void test('in-flight appends are limited by count', () => {
  const inflights = new Inflights(2, 1000);
  inflights.add(1, 1);
  assert.ok(!inflights.full);
  inflights.add(2, 1);
  assert.ok(inflights.full);
  assert.throws(() => inflights.add(3, 1), InvariantError);
  inflights.freeThrough(1);
  assert.ok(!inflights.full);
});

void test('in-flight appends are limited by bytes, one always fits', () => {
  const inflights = new Inflights(100, 10);
  inflights.add(1, 50);
  assert.ok(inflights.full);
  inflights.freeThrough(1);
  inflights.add(2, 9);
  assert.ok(!inflights.full);
  inflights.add(3, 1);
  assert.ok(inflights.full);
});

void test('the ring holds what a plain list holds', () => {
  const moves = fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 5 })), { maxLength: 100 });
  fc.assert(
    fc.property(moves, fc.integer({ min: 1, max: 7 }), (all, countMax) => {
      const inflights = new Inflights(countMax, 12);
      let list: { index: number; size: number }[] = [];
      let index = 0;
      for (const move of all) {
        if (move < 0) {
          const through = list[Math.floor(list.length / 2)]?.index ?? 0;
          inflights.freeThrough(through);
          list = list.filter((item) => item.index > through);
        } else if (!inflights.full) {
          inflights.add((index += move), move);
          list.push({ index, size: move });
        }
        assert.equal(inflights.count, list.length);
        const sizeBytes = list.reduce((sum, { size }) => sum + size, 0);
        assert.equal(inflights.full, list.length >= countMax || sizeBytes >= 12);
      }
    }),
  );
});

void test('an outdated rejection changes nothing', () => {
  const progress = new Progress(2n, 11, 10, 1000);
  assert.ok(!progress.backOff(5, 3));
  assert.ok(progress.backOff(10, 6));
  assert.equal(progress.next, 7);
  progress.acknowledge(6);
  progress.becomeReplicate();
  progress.next = 20;
  assert.ok(!progress.backOff(6, 3));
  assert.ok(progress.backOff(12, 3));
  assert.deepEqual([progress.state, progress.match, progress.next], ['probe', 6, 7]);
});
