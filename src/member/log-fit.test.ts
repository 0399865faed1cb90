import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TermRuns } from '../base/term-runs.js';
import { logFor } from './log-fit.js';

const entry = (index: number, term: number) =>
  ({ index, term, type: 'normal', data: new Uint8Array() }) as const;
/** Of a leader that was cut off: none of it needs to be committed. */
const log = { terms: new TermRuns(1, 1), entries: [2, 3, 4, 5].map((index) => entry(index, 3)) };
for (const { term } of log.entries) log.terms.append(term);

void test('a log that holds the entry of the state goes on from there', () => {
  for (const applied of [
    { index: 1, term: 1 },
    { index: 3, term: 3 },
    { index: 5, term: 3 },
  ]) {
    assert.equal(logFor(log, { applied, installedAt: undefined }), log);
  }
});

void test('of one that a snapshot has replaced nothing does, however far it goes', () => {
  for (const applied of [
    { index: 3, term: 5 },
    { index: 9, term: 5 },
  ]) {
    const fitting = logFor(log, { applied, installedAt: { index: applied.index, term: 5 } });
    assert.deepEqual(fitting, { terms: new TermRuns(applied.index, applied.term), entries: [] });
  }
});

void test('one that lacks the entry of the state, without a snapshot, does not fit', () => {
  const applied = { index: 3, term: 5 };
  assert.equal(logFor(log, { applied, installedAt: { index: 3, term: 4 } }), undefined);
  assert.equal(logFor(log, { applied, installedAt: { index: 2, term: 5 } }), undefined);
  assert.equal(logFor(log, { applied: { index: 6, term: 3 }, installedAt: undefined }), undefined);
});
