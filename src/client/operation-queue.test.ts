import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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

  it('drops what was settled while it waited', () => {
    const queue = new OperationQueue();
    const [first, second] = [operation('put', 'a'), operation('put', 'b')];
    queue.push(first);
    queue.push(second);
    first.settled = true;
    assert.deepEqual(queue.take(10, 1000), [second]);
  });
});
