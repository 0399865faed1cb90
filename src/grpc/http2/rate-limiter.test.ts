import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateLimiter } from './rate-limiter.js';

function takenOf(limiter: RateLimiter, nowMs: number, tries: number): number {
  let taken = 0;
  for (let count = 0; count < tries; count++) if (limiter.take(nowMs)) taken++;
  return taken;
}

describe('RateLimiter', () => {
  it('allows a burst, then a rate, and never saves up more than a burst', () => {
    const limiter = new RateLimiter({ burst: 5, perSecond: 10 }, 1000);
    assert.equal(takenOf(limiter, 1000, 9), 5);
    assert.equal(takenOf(limiter, 1099, 9), 0);
    assert.equal(takenOf(limiter, 1300, 9), 3);
    assert.equal(takenOf(limiter, 60_000, 9), 5);
  });

  it('counts time from its beginning, not from when the burst was used up', () => {
    const limiter = new RateLimiter({ burst: 2, perSecond: 1 }, 0);
    for (let second = 0; second < 100; second++) assert.equal(limiter.take(second * 1000), true);
  });

  it('gives back what was earned', () => {
    const limiter = new RateLimiter({ burst: 5, perSecond: 0 }, 0);
    assert.equal(takenOf(limiter, 0, 9), 5);
    limiter.earn(2);
    assert.equal(takenOf(limiter, 0, 9), 2);
    limiter.earn(100);
    assert.equal(takenOf(limiter, 0, 9), 5);
  });
});
