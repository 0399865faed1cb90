import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomInt, Prng } from './prng.js';
import { Fifo } from './fifo.js';

describe('Fifo', () => {
  it('gives what an array gives', () => {
    const seed = 1;
    const random = new Prng(seed);
    const fifo = new Fifo<number>();
    const array: number[] = [];
    for (let step = 0; step < 20_000; step++) {
      // It grows, and is emptied, in turn.
      if (randomInt(random, 10) < (step % 4000 < 2000 ? 7 : 3)) {
        fifo.push(step);
        array.push(step);
      } else assert.equal(fifo.shift(), array.shift());
      if (step % 5000 === 4999) {
        fifo.clear();
        array.length = 0;
      }
      assert.equal(fifo.length, array.length);
    }
    while (array.length > 0) assert.equal(fifo.shift(), array.shift());
    assert.equal(fifo.shift(), undefined);
  });
});
