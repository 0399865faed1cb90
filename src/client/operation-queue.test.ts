import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PendingOperation } from './operation.js';
import { OperationQueue } from './operation-queue.js';
import { operation } from './testing/operations.js';

describe('OperationQueue', () => {
  it('holds back what follows on a key that is on its way', () => {
    const queue = new OperationQueue();
    const [first, second, other] = [operation('put', 'a'), operation('get', 'a'), operation('put', 'b')];
    queue.push(first);
    const batch = queue.take(10, 1000);
    queue.push(second);
    queue.push(other);
    assert.deepEqual(queue.take(10, 1000), [other]);
    queue.release(batch, []);
    assert.deepEqual(queue.take(10, 1000), [second]);
  });

  it('puts what is tried again before what waited behind it', () => {
    const queue = new OperationQueue();
    const [first, second, third] = [operation('put', 'a'), operation('put', 'a'), operation('put', 'a')];
    queue.push(first);
    const batch = queue.take(10, 1000);
    queue.push(second);
    assert.deepEqual(queue.take(10, 1000), []);
    queue.push(third);
    queue.release(batch, batch);
    assert.deepEqual(queue.take(10, 1000), [first, second, third]);
  });

  it('ends a batch at its number of operations and at its size, and lets a large one go alone', () => {
    const queue = new OperationQueue();
    const sized = (key: string, sizeBytes: number) => operation('put', key, new Uint8Array(sizeBytes - 1));
    for (const key of ['a', 'b', 'c', 'd']) queue.push(sized(key, 50));
    queue.push(sized('e', 101));
    queue.push(sized('f', 1));
    const counts = [queue.take(2, 150), queue.take(10, 100), queue.take(10, 100), queue.take(10, 100)];
    assert.deepEqual(
      counts.map((batch) => batch.map(({ keyId }) => keyId)),
      [['a', 'b'], ['c', 'd'], ['e'], ['f']],
    );
    assert.ok(queue.isEmpty);
  });

  it('keeps gets past the most, and what follows on their keys, and lets writes behind them go along', () => {
    const queue = new OperationQueue();
    const calls = [
      ...[operation('get', 'a'), operation('get', 'b'), operation('put', 'b'), operation('put', 'c')],
      ...[operation('get', 'b'), operation('put', 'a'), operation('get', 'd')],
    ];
    for (const call of calls) queue.push(call);
    const [getA, getB, putB, putC, getB2, putA, getD] = calls;
    const first = queue.take(10, 1000, 1);
    assert.deepEqual(first, [getA, putC, putA]);
    assert.deepEqual([...queue], [...first, getB, putB, getB2, getD]);
    const second = queue.take(10, 1000, 2);
    assert.deepEqual(second, [getB, putB, getB2]);
    queue.release(first, [getA!]);
    assert.deepEqual(queue.take(10, 1000, 1), [getA]);
    assert.deepEqual(queue.take(10, 1000, 1), [getD]);
    assert.ok(queue.isEmpty);
  });

  it('looks no further than a batch is long for what goes along', () => {
    const queue = new OperationQueue();
    const calls = ['a', 'b', 'c', 'd'].map((key) => operation('get', key));
    for (const call of calls) queue.push(call);
    queue.push(operation('put', 'e'));
    assert.deepEqual(queue.take(4, 1000, 1), [calls[0]]);
    assert.equal(queue.waitingCount, 4);
  });

  it('keeps the order of each key, whatever comes back and is kept', () => {
    const call = fc.record({ kind: fc.constantFrom('get', 'put'), key: fc.constantFrom('a', 'b', 'c', 'd') });
    const step = fc.record({
      calls: fc.array(call, { maxLength: 8 }),
      countMax: fc.integer({ min: 1, max: 6 }),
    });
    const plan = fc.record({ steps: fc.array(step, { maxLength: 30 }), seed: fc.integer() });
    fc.assert(
      fc.property(plan, ({ steps, seed }) => {
        const queue = new OperationQueue();
        const pushed: PendingOperation[] = [];
        const done: PendingOperation[] = [];
        const onTheirWay: (readonly PendingOperation[])[] = [];
        let state = seed;
        const below = (count: number): number => (state = (state * 1103515245 + 12345) >>> 0) % count;
        const finish = (): void => {
          const [batch] = onTheirWay.splice(below(onTheirWay.length), 1);
          // Once a response is full, all that follows comes back.
          const doneCount = 1 + below(batch!.length);
          done.push(...batch!.slice(0, doneCount));
          queue.release(batch!, batch!.slice(doneCount));
        };
        for (const { calls, countMax } of steps) {
          for (const { kind, key } of calls) {
            const made = operation(kind, key);
            pushed.push(made);
            queue.push(made);
          }
          const batch = queue.take(countMax, 1000, 1 + below(countMax));
          if (batch.length > 0) onTheirWay.push(batch);
          if (onTheirWay.length > 2) finish();
        }
        while (done.length < pushed.length) {
          if (onTheirWay.length > 0) finish();
          const batch = queue.take(5, 1000, 2);
          if (batch.length > 0) onTheirWay.push(batch);
        }
        const ofKey = (all: readonly PendingOperation[], key: string) =>
          all.filter(({ keyId }) => keyId === key);
        for (const key of 'abcd')
          assert.ok(ofKey(done, key).every((each, at) => each === ofKey(pushed, key)[at]));
      }),
    );
  });

  it('gives up what was settled', () => {
    const queue = new OperationQueue();
    const calls = ['a', 'a', 'b', 'c'].map((key) => operation('put', key));
    queue.push(calls[0]!);
    const batch = queue.take(10, 1000);
    for (const call of calls.slice(1)) queue.push(call);
    assert.deepEqual(queue.take(1, 1000), [calls[2]]);
    assert.equal(queue.waitingCount, 2);
    for (const call of calls) call.settled = true;
    queue.dropSettled();
    assert.equal(queue.waitingCount, 0);
    queue.release(batch, []);
    assert.deepEqual(queue.take(10, 1000), []);
  });

  it('drops what was settled while it waited', () => {
    const queue = new OperationQueue();
    const [first, second] = [operation('put', 'a'), operation('put', 'b')];
    queue.push(first);
    queue.push(second);
    first.settled = true;
    assert.deepEqual(queue.take(10, 1000), [second]);
  });
});
