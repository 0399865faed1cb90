import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { emptyBytes } from '../base/bytes.js';
import { InvariantError } from '../base/assert.js';
import { TermRuns } from '../base/term-runs.js';
import { RaftLog, entryOverheadSizeBytes, keptSizeBytes } from './log.js';
import type { Entry } from './types.js';

function entry(index: number, term: number, sizeBytes = 0): Entry {
  return { index, term, type: 'normal', data: sizeBytes === 0 ? emptyBytes : new Uint8Array(sizeBytes) };
}

function logOf(offset: number, terms: readonly number[]): RaftLog {
  return new RaftLog(
    offset,
    0,
    terms.map((term, at) => entry(offset + at + 1, term)),
  );
}

type Step = { do: 'append'; rise: number } | { do: 'truncate' | 'compact' | 'release'; at: number };

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), rise: fc.nat(2) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('truncate', 'compact', 'release'), at: fc.nat() }),
    },
  ),
  { maxLength: 120 },
) as fc.Arbitrary<Step[]>;

void test('the log holds what a plain table holds', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const log = new RaftLog(0, 0, []);
      const terms = new Map<number, number>([[0, 0]]);
      let [offset, last, released] = [0, 0, 0];
      for (const step of all) {
        if (step.do === 'append') {
          const term = terms.get(last)! + step.rise;
          log.append(entry(++last, term));
          terms.set(last, term);
        } else if (last > offset) {
          const at = offset + 1 + (step.at % (last - offset));
          if (step.do === 'release') {
            log.release(at);
            released = Math.max(released, at);
          } else if (step.do === 'truncate') {
            if (at <= released) continue;
            log.truncateFrom(at);
            for (; last >= at; last--) terms.delete(last);
          } else {
            log.compact(at);
            for (; offset < at; offset++) terms.delete(offset);
            released = Math.max(released, at);
          }
        }
        assert.deepEqual([log.offset, log.lastIndex, log.lastTerm], [offset, last, terms.get(last)]);
        for (let index = Math.max(0, offset - 1); index <= last + 1; index++) {
          assert.equal(log.term(index), terms.get(index));
          assert.equal(log.holds(index), index > released);
          if (index > released && index <= last) assert.equal(log.entry(index).term, terms.get(index));
        }
        assert.equal(log.sizeBytes, (last - released) * keptSizeBytes(entry(1, 1)));
      }
    }),
  );
});

void test('a slice ends before the limit on bytes, but holds one entry at least', () => {
  const log = new RaftLog(0, 0, [entry(1, 1, 10), entry(2, 1, 10), entry(3, 1, 10)]);
  const one = entryOverheadSizeBytes + 10;
  assert.equal(log.slice(1, 3, 0).length, 1);
  assert.equal(log.slice(1, 3, 2 * one - 1).length, 1);
  assert.equal(log.slice(1, 3, 2 * one).length, 2);
  assert.equal(log.slice(1, 3, Infinity).length, 3);
  assert.equal(log.slice(2, 2, Infinity).length, 1);
  assert.deepEqual(log.slice(4, 3, Infinity), []);
});

void test('the place where logs could match is found as a scan finds it (paper 5.3, end)', () => {
  const terms = fc.array(fc.nat(2), { maxLength: 30 });
  fc.assert(
    fc.property(terms, fc.nat(5), fc.nat(40), fc.nat(70), (rises, offset, index, term) => {
      let reached = 0;
      const log = logOf(
        offset,
        rises.map((rise) => (reached += rise)),
      );
      let expected = Math.min(index, log.lastIndex);
      while (expected > offset && log.term(expected)! > term) expected--;
      assert.equal(log.lastIndexUpToTerm(index, term), expected);
    }),
  );
});

void test('gaps and falling terms are refused', () => {
  const log = logOf(5, [1, 2]);
  assert.throws(() => log.append(entry(9, 2)), InvariantError);
  assert.throws(() => log.append(entry(8, 1)), InvariantError);
  assert.throws(() => log.truncateFrom(5), InvariantError);
  assert.throws(() => log.compact(9), InvariantError);
});

void test('a log of which only the newest entries are in memory knows the terms of all', () => {
  const terms = new TermRuns(4, 1);
  for (const term of [1, 2, 2, 5]) terms.append(term);
  const log = new RaftLog(4, 1, [entry(7, 2), entry(8, 5)], terms);
  const indexes = [3, 4, 5, 6, 7, 8, 9];
  assert.deepEqual(
    indexes.map((index) => log.term(index)),
    [undefined, 1, 1, 2, 2, 5, undefined],
  );
  assert.deepEqual(
    indexes.filter((index) => log.holds(index)),
    [7, 8, 9],
  );
  assert.equal(log.lastIndexUpToTerm(8, 1), 5);
  assert.throws(() => log.entry(6), InvariantError);
  assert.throws(() => log.slice(6, 8, 100), InvariantError);
  assert.throws(() => log.truncateFrom(6), InvariantError);
  log.append(entry(9, 5));
  log.compact(6);
  assert.deepEqual([log.offset, log.term(6), log.lastIndex], [6, 2, 9]);
});
