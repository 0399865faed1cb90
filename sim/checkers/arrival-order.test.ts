import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkArrivalOrder } from './arrival-order.js';
import type { Operation } from './history.js';
import { answers, calls, historyOf, unknown } from './testing/scripted-history.js';

/** All of them made at once: each value, and the revision that it was told. */
function made(...revisions: (number | undefined)[]): readonly Operation[] {
  const operations = historyOf(
    revisions.map((revision, at) => [
      `c${at}`,
      at / 100,
      revision === undefined ? undefined : 10,
      calls.put('k', `v${at}`),
      revision === undefined ? unknown : answers.put(revision),
    ]),
  );
  return operations.map((operation, arrivedAt) => ({ ...operation, arrivedAt }));
}

describe('writes through one member', () => {
  it('are made in the order in which they came', () => {
    assert.deepEqual(checkArrivalOrder(made(2, 3, 7)), []);
    assert.equal(checkArrivalOrder(made(2, 7, 3)).length, 1);
  });

  it('may stand anywhere where nobody was told', () => {
    assert.deepEqual(checkArrivalOrder(made(2, undefined, 3)), []);
  });

  it('are in no order with those through another, or through another life', () => {
    const servers = ['n1.1', 'n2.1', 'n1.2'];
    const apart = made(7, 3, 2).map((operation, at) => ({ ...operation, server: servers[at]! }));
    assert.deepEqual(checkArrivalOrder(apart), []);
  });
});
