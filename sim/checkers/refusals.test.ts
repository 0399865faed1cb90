import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { History, type Call, type Outcome } from './history.js';
import { checkRefusals, type RefusalTerms } from './refusals.js';

const strict: RefusalTerms = {
  timeoutMs: 1000,
  clockRateMax: 1,
  cancels: false,
  writesUnlimited: true,
  readsUnlimited: true,
  rangesUnlimited: true,
  previousUnlimited: true,
  installed: new Set(),
};
const put: Call = { type: 'put', key: 'k', value: 'v', previous: false };
const get: Call = { type: 'range', key: 'k', end: undefined, revision: 0, limit: 0, serializable: false };
const past: Call = { ...get, revision: 5 };
const local: Call = { ...get, serializable: true };
const compact: Call = { type: 'compact', revision: 5 };
const compare: Call = { type: 'compare-and-delete', key: 'k', expected: { by: 'revision', is: 1 } };
const failed = (code: string): Outcome => ({ kind: 'failed', code });
const unknown = (code: string): Outcome => ({ kind: 'unknown', code });
const found: Outcome = { kind: 'ok', answer: { type: 'range', revision: 1, items: [], count: 0 } };
const compared: Outcome = {
  kind: 'ok',
  answer: { type: 'compare-and-delete', revision: 1, done: false, found: 0 },
};

/** Each call is answered before the next is made. */
function refusals(
  calls: readonly (readonly [Call, Outcome, number?])[],
  terms: Partial<RefusalTerms> = {},
): (string | undefined)[] {
  const history = new History();
  let nowMs = 0;
  for (const [call, outcome, takesMs = 1] of calls) {
    const id = history.invoke('c1', 'n1.1', call, nowMs);
    history.respond(id, outcome, (nowMs += takesMs));
  }
  return checkRefusals(history.operations, { ...strict, ...terms }).map(({ detail }) => detail);
}

describe('a refusal', () => {
  it('for want of time comes when it is over', () => {
    for (const [call, outcome] of [
      [put, failed('NO_LEADER')],
      [get, failed('NO_LEADER')],
      [get, unknown('DEADLINE_EXCEEDED')],
      [local, unknown('DEADLINE_EXCEEDED')],
    ] as const) {
      assert.deepEqual(refusals([[call, outcome, 900]]), ['there was time left']);
      assert.deepEqual(refusals([[call, outcome, 1000]]), []);
      assert.deepEqual(refusals([[call, outcome, 900]], { clockRateMax: 1.2 }), []);
    }
    assert.deepEqual(refusals([[local, failed('NO_LEADER'), 1000]]), ['it needs no leader']);
    assert.equal(refusals([[put, unknown('DEADLINE_EXCEEDED'), 1000]]).length, 1);
  });

  it('as unknown is of a write, and comes late, or with a snapshot, or from one that ends', () => {
    const outcome = unknown('OUTCOME_UNKNOWN');
    assert.deepEqual(refusals([[get, outcome, 1000]]), ['a read has no effect']);
    assert.deepEqual(refusals([[put, outcome]]), []);
    const calls = [
      [put, outcome],
      [get, found],
    ] as const;
    assert.deepEqual(refusals(calls), ['there was time left']);
    assert.deepEqual(refusals(calls, { installed: new Set(['n1.1']) }), []);
    assert.deepEqual(
      refusals([
        [put, outcome, 1000],
        [get, found],
      ]),
      [],
    );
  });

  it('by one that ends is its last word', () => {
    for (const code of ['MEMBER_STOPPING', 'STORAGE_FAILED', 'DATA_DAMAGED']) {
      assert.deepEqual(
        refusals([
          [get, found],
          [get, failed(code)],
        ]),
        [],
      );
      assert.deepEqual(
        refusals([
          [get, failed(code)],
          [get, found],
        ]),
        ['n1.1 goes on'],
      );
    }
  });

  it('as too many needs a limit that is near', () => {
    const full = failed('LIMIT_EXCEEDED');
    const each: readonly Call[] = [put, get, local];
    for (const call of each) assert.deepEqual(refusals([[call, full]]), ['there was room']);
    assert.deepEqual(refusals([[put, full]], { writesUnlimited: false }), []);
    assert.deepEqual(refusals([[get, full]], { readsUnlimited: false }), []);
    assert.deepEqual(refusals([[local, full]], { readsUnlimited: false }), ['there was room']);
  });

  it('for a revision names one', () => {
    const naming: readonly Call[] = [past, compact];
    const others: readonly Call[] = [put, get, compare];
    for (const code of ['REVISION_COMPACTED', 'REVISION_IN_FUTURE']) {
      for (const call of naming) assert.deepEqual(refusals([[call, failed(code)]]), []);
      for (const call of others) assert.deepEqual(refusals([[call, failed(code)]]), ['it names no revision']);
    }
  });

  it('of a comparison ends where one was answered', () => {
    const early = failed('FEATURE_NOT_ENABLED');
    assert.deepEqual(
      refusals([
        [compare, early],
        [compare, compared],
      ]),
      [],
    );
    assert.deepEqual(
      refusals([
        [compare, compared],
        [compare, early],
      ]),
      ['it was enabled'],
    );
    assert.deepEqual(refusals([[put, early]]), ['it needs no new feature']);
  });

  it('has a code that such a call can have, and says so only if its caller gave up', () => {
    assert.deepEqual(refusals([[put, failed('KEY_NOT_FOUND')]]), ['no such call is refused so']);
    assert.deepEqual(refusals([[put, unknown('CANCELLED')]]), ['its caller did not give up']);
    assert.deepEqual(refusals([[put, unknown('CANCELLED')]], { cancels: true }), []);
  });
});
