import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FairQueue } from './fair-queue.js';

const [one, other] = [{}, {}];

describe('FairQueue', () => {
  it('lets owners take turns, each in the order of what is his', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'a3']) queue.push(one, item);
    queue.push(other, 'b1');
    const taken = [queue.shift(), queue.shift(), queue.shift()];
    queue.push(other, 'b2');
    taken.push(queue.shift(), queue.shift());
    assert.deepEqual(taken, ['a1', 'b1', 'a2', 'a3', 'b2']);
    assert.equal(queue.isEmpty, true);
    assert.equal(queue.shift(), undefined);
  });

  it('drops what is over without a turn of its owner', () => {
    const queue = new FairQueue<string>();
    const isOver = (item: string): boolean => item.startsWith('over');
    for (const item of ['over', 'a1', 'over']) queue.push(one, item);
    queue.push(other, 'b1');
    assert.deepEqual(
      [queue.shift(isOver), queue.shift(isOver), queue.shift(isOver)],
      ['a1', 'b1', undefined],
    );
    assert.equal(queue.isEmpty, true);
  });

  it('lets an owner have several at a time, and others come next', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'a3']) queue.push(one, item);
    queue.push(other, 'b1');
    assert.equal(queue.nextOwner(), one);
    assert.deepEqual([queue.shiftOf(one), queue.shiftOf(one)], ['a1', 'a2']);
    assert.equal(queue.nextOwner(), other);
    assert.equal(queue.shiftOf(other), 'b1');
    assert.deepEqual([queue.has(one), queue.has(other)], [true, false]);
    assert.equal(queue.shiftOf(other), undefined);
    assert.equal(queue.nextOwner(), one);
    assert.equal(queue.shiftOf(one), 'a3');
    assert.equal(queue.nextOwner(), undefined);
    assert.equal(queue.isEmpty, true);
  });
});
