import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkFits } from './answer-fit.js';
import type { Answer, Call, Item } from './checkers/history.js';

const put: Call = { type: 'put', key: 'a', value: 'v', previous: true };
const deletion: Call = { type: 'delete', key: 'a', end: 'c', previous: true };

function pair(key: string, modRevision = 2): Item {
  return { key, value: 'w', createRevision: modRevision, modRevision, version: 1 };
}

function deleted(previous: readonly Item[], deletedCount = previous.length): Answer {
  return { type: 'delete', revision: 9, deletedCount, previous };
}

describe('an answer that fits its call', () => {
  it('is of its kind', () => {
    checkFits(put, { type: 'put', revision: 9, previous: undefined });
    assert.throws(() => checkFits(put, deleted([])), /a put is answered as a delete/);
  });

  it('tells of a put what its own key was, if that was asked for', () => {
    const answer: Answer = { type: 'put', revision: 9, previous: pair('a') };
    checkFits(put, answer);
    assert.throws(
      () => checkFits({ ...put, key: 'b' }, answer),
      /a put of "b" is answered with what "a" was/,
    );
    assert.throws(() => checkFits({ ...put, previous: false }, answer), /did not ask/);
    assert.throws(() => checkFits(put, { ...answer, previous: pair('a', 9) }), /older than the put/);
  });

  it('tells of a deletion all that went, of its own keys, in order', () => {
    checkFits(deletion, deleted([pair('a'), pair('b')]));
    assert.throws(() => checkFits(deletion, deleted([pair('c')])), /not among the keys/);
    assert.throws(() => checkFits(deletion, deleted([pair('b'), pair('a')])), /out of order/);
    assert.throws(() => checkFits(deletion, deleted([pair('a')], 2)), /deletes 2 and tells 1/);
    const one: Call = { ...deletion, end: undefined, previous: false };
    assert.throws(() => checkFits(one, deleted([], 2)), /a delete of one key deletes 2/);
  });

  it('tells of a range no more than was asked for', () => {
    const range = { key: 'a', end: 'c', revision: 0, limit: 1, serializable: false };
    const call: Call = { type: 'range', ...range };
    checkFits(call, { type: 'range', revision: 9, items: [pair('a')], count: 2 });
    const both = [pair('a'), pair('b')];
    assert.throws(() => checkFits(call, { type: 'range', revision: 9, items: both, count: 2 }), /limit is 1/);
  });
});
