import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetWindow } from './get-window.js';

describe('GetWindow', () => {
  it('goes down at once, and no further than to one', () => {
    const window = new GetWindow(1024);
    assert.deepEqual([window.count, window.isNarrow], [1024, false]);
    window.filled(30, 3000);
    assert.deepEqual([window.count, window.isNarrow], [30, true]);
    window.filled(0, 0);
    assert.equal(window.count, 1);
    const other = new GetWindow(1024);
    other.tooLarge(100);
    assert.equal(other.count, 50);
    other.tooLarge(1);
    assert.equal(other.count, 1);
  });

  it('stays where the values of the size last seen fill a response', () => {
    const window = new GetWindow(1024);
    window.filled(3, 3000);
    for (let nth = 0; nth < 7; nth++) window.fitted(3, 3000);
    assert.equal(window.count, 3);
    // Eight times in a row: maybe more fit than is known.
    window.fitted(3, 3000);
    assert.equal(window.count, 6);
    window.filled(3, 3000);
    assert.equal(window.count, 3);
    window.filled(1, 1500);
    window.fitted(1, 1000);
    assert.equal(window.count, 2);
    window.fitted(2, 2000);
    assert.equal(window.count, 3);
  });

  it('grows twofold with small values, by full requests alone', () => {
    const window = new GetWindow(10);
    window.filled(2, 3000);
    window.fitted(1, 0);
    assert.equal(window.count, 2);
    window.fitted(2, 0);
    // Of before the last step.
    window.fitted(2, 0);
    assert.equal(window.count, 4);
    window.fitted(4, 100);
    window.fitted(8, 100);
    assert.deepEqual([window.count, window.isNarrow], [10, false]);
  });
});
