import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeViolation, type Call } from './history.js';
import { checkLinearizability } from './linearizability.js';
import { answers, calls, failed, historyOf, item, ok, unknown } from './testing/scripted-history.js';

type Line = Parameters<typeof historyOf>[0][number];

function verdict(...lines: Line[]): boolean {
  const { violations, undecided } = checkLinearizability(historyOf(lines));
  assert.deepEqual(undecided, []);
  return violations.length === 0;
}

const read = (from: number, to: number, ...items: string[]): Line => [
  'reader',
  from,
  to,
  calls.read('k'),
  answers.read(items.map(item)),
];
const put = (from: number, to: number, value: string): Line => [
  'writer',
  from,
  to,
  calls.put('k', value),
  answers.put(),
];
const lostPut = (from: number, value: string): Line => [
  'lost',
  from,
  undefined,
  calls.put('k', value),
  unknown,
];

describe('linearizability of one key', () => {
  it('takes what happened one after the other', () => {
    assert.ok(verdict(read(0, 1), put(2, 3, 'a'), read(4, 5, 'k=a'), put(6, 7, 'b'), read(8, 9, 'k=b')));
  });

  it('finds a stale read', () => {
    assert.ok(!verdict(put(0, 1, 'a'), put(2, 3, 'b'), read(4, 5, 'k=a')));
    assert.ok(!verdict(put(0, 1, 'a'), read(4, 5)));
  });

  it('lets a read beside a write see it or not, but not both ways round', () => {
    assert.ok(verdict(put(0, 10, 'a'), read(1, 2), read(3, 4, 'k=a')));
    assert.ok(!verdict(put(0, 10, 'a'), read(1, 2, 'k=a'), read(3, 4)));
  });

  it('finds a value that nobody wrote', () => {
    assert.ok(!verdict(put(0, 1, 'a'), read(2, 3, 'k=b')));
  });

  it('lets a write without a response take effect late, or never', () => {
    assert.ok(verdict(lostPut(0, 'a'), put(1, 2, 'b'), read(3, 4, 'k=b'), read(5, 6, 'k=a')));
    assert.ok(verdict(lostPut(0, 'a'), put(1, 2, 'b'), read(3, 4, 'k=b')));
    assert.ok(!verdict(lostPut(0, 'a'), read(1, 2, 'k=a'), put(3, 4, 'b'), read(5, 6, 'k=a')));
    assert.ok(!verdict(read(0, 1, 'k=a'), lostPut(2, 'a')));
  });

  it('takes an answer of "unknown" as no answer, and one of "failed" as no effect', () => {
    assert.ok(verdict(['c', 0, 1, calls.put('k', 'a'), unknown], read(2, 3), read(4, 5, 'k=a')));
    assert.ok(!verdict(['c', 0, 1, calls.put('k', 'a'), failed()], read(2, 3, 'k=a')));
  });

  it('checks what a delete says that it found', () => {
    const deleted = (count: number): Line => ['d', 2, 3, calls.delete('k'), answers.delete(count)];
    assert.ok(verdict(put(0, 1, 'a'), deleted(1), read(4, 5)));
    assert.ok(!verdict(put(0, 1, 'a'), deleted(0)));
    assert.ok(!verdict(deleted(1)));
    assert.ok(!verdict(put(0, 1, 'a'), deleted(1), read(4, 5, 'k=a')));
  });

  it('spreads a delete of a range over its keys', () => {
    const both: Line = ['d', 2, 3, calls.delete('a', 'm'), answers.delete(undefined)];
    assert.ok(verdict(put(0, 1, 'x'), both, read(4, 5)));
    assert.ok(!verdict(put(0, 1, 'x'), both, read(4, 5, 'k=x')));
    const toEnd: Line = ['d', 2, 3, calls.delete('a', '\0'), answers.delete(undefined)];
    assert.ok(!verdict(put(0, 1, 'x'), toEnd, read(4, 5, 'k=x')));
  });

  it('checks the pair that a put found', () => {
    const call: Call = { type: 'put', key: 'k', value: 'b', previous: true };
    const swap = (before?: string): Line => [
      'c',
      2,
      3,
      call,
      ok({ type: 'put', revision: 0, previous: before === undefined ? undefined : item(before) }),
    ];
    assert.ok(verdict(put(0, 1, 'a'), swap('k=a')));
    assert.ok(!verdict(put(0, 1, 'a'), swap()));
    assert.ok(!verdict(put(0, 1, 'a'), swap('k=b')));
  });

  it('checks versions and revisions where they are told', () => {
    const numbered: Line = ['w', 0, 1, calls.put('k', 'a'), answers.put(7)];
    assert.ok(verdict(numbered, read(2, 3, 'k=a@7/7.1')));
    assert.ok(!verdict(numbered, read(2, 3, 'k=a@8/8.1')));
    assert.ok(!verdict(numbered, read(2, 3, 'k=a@7/7.2')));
    assert.ok(verdict(lostPut(0, 'b'), put(0, 1, 'a'), read(2, 3, 'k=a@0/0.2')));
  });

  it('compares and sets, by version and by revision', () => {
    const made: Line = ['w', 0, 1, calls.put('k', 'a'), answers.put(7)];
    const set = (by: 'version' | 'revision', is: number, done: boolean): Line => [
      's',
      2,
      3,
      calls.set('k', by, is, 'b'),
      answers.set(done, 8),
    ];
    assert.ok(verdict(made, set('version', 1, true), read(4, 5, 'k=b@8/7.2')));
    assert.ok(verdict(made, set('revision', 7, true), read(4, 5, 'k=b')));
    assert.ok(verdict(made, set('version', 0, false), read(4, 5, 'k=a')));
    assert.ok(!verdict(made, set('version', 1, false)));
    assert.ok(!verdict(made, set('revision', 8, true)));
    assert.ok(!verdict(made, set('revision', 7, true), read(4, 5, 'k=a')));
    // Two that both win where one can.
    assert.ok(
      !verdict(
        ['a', 0, 9, calls.set('k', 'version', 0, 'a'), answers.set(true)],
        ['b', 0, 9, calls.set('k', 'version', 0, 'b'), answers.set(true)],
      ),
    );
  });

  it('checks what a comparison says that it found', () => {
    const made: Line = ['w', 0, 1, calls.put('k', 'a'), answers.put(7)];
    const set = (is: number, done: boolean, found: number): Line => [
      's',
      2,
      3,
      calls.set('k', 'revision', is, 'b'),
      answers.set(done, done ? 8 : 7, found),
    ];
    assert.ok(verdict(made, set(7, true, 7), read(4, 5, 'k=b@8/7.2')));
    assert.ok(verdict(made, set(6, false, 7), read(4, 5, 'k=a@7/7.1')));
    assert.ok(verdict(set(6, false, 0), read(4, 5)));
    assert.ok(!verdict(made, set(6, false, 5)));
    assert.ok(!verdict(made, set(6, false, 0)));
    assert.ok(!verdict(set(6, false, 5)));
    // It failed, and wrote all the same.
    assert.ok(!verdict(made, set(6, false, 7), read(4, 5, 'k=b')));
    // Of a write without a response the revision becomes known, once.
    assert.ok(verdict(lostPut(0, 'a'), set(6, false, 5), read(4, 5, 'k=a@5/5.1')));
    assert.ok(!verdict(lostPut(0, 'a'), set(6, false, 5), read(4, 5, 'k=a@4/4.1')));
  });

  it('lets a comparison without a response have written what it was to write, where it was equal', () => {
    const made: Line = ['w', 0, 1, calls.put('k', 'a'), answers.put(7)];
    const lost = (is: number): Line => ['s', 2, undefined, calls.set('k', 'revision', is, 'b'), unknown];
    assert.ok(verdict(made, lost(7), read(3, 4, 'k=a'), read(5, 6, 'k=b')));
    assert.ok(!verdict(made, lost(6), read(5, 6, 'k=b')));
    assert.ok(verdict(made, lost(6), read(5, 6, 'k=a')));
    const other: Line = ['w', 1.2, 1.4, calls.put('k', 'c'), answers.put(8)];
    assert.ok(!verdict(made, other, lost(7), read(5, 6, 'k=b')));
    assert.ok(verdict(made, other, lost(8), read(5, 6, 'k=b')));
  });

  it('compares and deletes', () => {
    const made: Line = ['w', 0, 1, calls.put('k', 'a'), answers.put(7)];
    const remove = (is: number, done: boolean, found?: number): Line => [
      'd',
      2,
      3,
      calls.remove('k', 'revision', is),
      answers.remove(done, done ? 8 : 7, found),
    ];
    assert.ok(verdict(made, remove(7, true), read(4, 5)));
    assert.ok(!verdict(made, remove(7, true), read(4, 5, 'k=a')));
    assert.ok(verdict(made, remove(6, false, 7), read(4, 5, 'k=a')));
    assert.ok(!verdict(made, remove(6, false, 7), read(4, 5)));
    assert.ok(!verdict(made, remove(6, true), read(4, 5)));
    const nothing: Line = ['d', 2, 3, calls.remove('k', 'revision', 0), answers.remove(true, 1, 0)];
    assert.ok(verdict(nothing, read(4, 5)));
    assert.ok(!verdict(made, nothing));
    const lost: Line = ['d', 2, undefined, calls.remove('k', 'revision', 7), unknown];
    assert.ok(verdict(made, lost, read(3, 4, 'k=a'), read(5, 6)));
    assert.ok(!verdict(made, lost, read(3, 4), read(5, 6, 'k=a')));
  });

  it('checks appends', () => {
    const append = (from: number, to: number, value: string): Line => [
      value,
      from,
      to,
      calls.append('k', value),
      answers.append(),
    ];
    assert.ok(verdict(append(0, 5, 'a'), append(0, 5, 'b'), read(6, 7, 'k=ba')));
    assert.ok(!verdict(append(0, 5, 'a'), append(0, 5, 'b'), read(6, 7, 'k=a')));
    assert.ok(!verdict(append(0, 5, 'a'), append(0, 5, 'b'), read(6, 7, 'k=aab')));
    assert.ok(
      verdict(append(0, 1, 'a'), ['c', 2, undefined, calls.append('k', 'b'), unknown], read(3, 4, 'k=ab')),
    );
  });

  it('orders what tells its revision by it', () => {
    const told = (value: string, revision: number): Line => [
      value,
      0,
      9,
      calls.put('k', value),
      answers.put(revision),
    ];
    const readAt = (from: number, revision: number, ...items: string[]): Line => [
      'reader',
      from,
      from + 1,
      calls.read('k'),
      answers.read(items.map(item), revision),
    ];
    assert.ok(verdict(told('a', 2), told('b', 3), read(10, 11, 'k=b')));
    assert.ok(!verdict(told('a', 2), told('b', 3), read(10, 11, 'k=a')));
    assert.ok(verdict(told('a', 2), readAt(4, 1), readAt(6, 2, 'k=a')));
    assert.ok(!verdict(told('a', 2), readAt(4, 2)));
    assert.ok(!verdict(told('a', 2), readAt(4, 1, 'k=a')));
    assert.ok(!verdict(told('a', 2), told('b', 2)));
  });

  it('knows that a write without a response makes a revision that nobody else has made', () => {
    const told = (from: number, key: string, value: string, revision: number): Line => [
      value,
      from,
      from + 1,
      calls.put(key, value),
      answers.put(revision),
    ];
    const between = (revision: number, ...others: Line[]): boolean =>
      verdict(
        told(1, 'k', 'a', 2),
        lostPut(0, 'x'),
        ...others,
        told(5, 'k', 'b', revision),
        read(8, 9, 'k=b@0/0.3'),
      );
    assert.ok(between(4));
    assert.ok(!between(3));
    assert.ok(!between(4, told(3, 'other', 'c', 3)));
    // Of the other key's write nobody has answered, but its pair was seen.
    const seen: Line = ['reader', 4, 4.5, calls.read('other'), answers.read([item('other=c@3/3.1')])];
    assert.ok(!between(4, ['lost', 3, undefined, calls.put('other', 'c'), unknown], seen));
    // It must have happened before this one, but is seen later alone.
    const old: Line = [
      'r',
      9,
      10,
      calls.read('k', { serializable: true }),
      answers.read([item('k=x@3/2.2')], 3),
    ];
    const later: Line = ['r', 5, 6, calls.read('k'), answers.read([item('k=a@2/2.1')], 4)];
    assert.ok(!verdict(told(1, 'k', 'a', 2), lostPut(0, 'x'), told(3, 'other', 'c', 4), later, old));
    assert.ok(verdict(told(1, 'k', 'a', 2), lostPut(0, 'x'), told(3, 'other', 'c', 4), later));
  });

  it('places a comparison without a response behind the write that it expects, or nowhere', () => {
    const told = (from: number, key: string, value: string, revision: number): Line => [
      value,
      from,
      from + 1,
      calls.put(key, value),
      answers.put(revision),
    ];
    const lost = (is: number, value: string): Line => [
      's',
      0,
      undefined,
      calls.set('k', 'revision', is, value),
      unknown,
    ];
    const lines = [told(1, 'k', 'a', 2), told(3, 'other', 'c', 3), told(5, 'k', 'b', 6)];
    const readVersion = (version: number): Line => read(8, 9, `k=b@6/2.${version}`);
    assert.ok(verdict(...lines, lost(2, 'x'), readVersion(3)));
    assert.ok(verdict(...lines, lost(2, 'x'), lost(4, 'y'), readVersion(4)));
    assert.ok(!verdict(...lines, lost(2, 'x'), lost(2, 'y'), readVersion(4)));
    assert.ok(!verdict(...lines, lost(2, 'x'), lost(5, 'y'), lost(4, 'z'), lostPut(0, 'p'), readVersion(6)));
    assert.ok(!verdict(...lines, lost(3, 'x'), readVersion(3)));
    assert.ok(!verdict(...lines, lost(4, 'x'), readVersion(3)));
    assert.ok(!verdict(...lines, lost(6, 'x'), readVersion(3)));
  });

  it('decides which of many writes without a response have happened', () => {
    const lost = (at: number, call: Call): Line => ['lost', at, undefined, call, unknown];
    const lines = Array.from({ length: 40 }, (_, at): Line[] => {
      const revision = 3 * at + 2;
      return [
        lost(at, calls.set('k', 'revision', revision, `s${at}`)),
        lost(at, calls.set('k', 'revision', revision + 1, `t${at}`)),
        lost(at, calls.put('k', `p${at}`)),
        ['writer', at + 0.5, at + 0.7, calls.put('k', `w${at}`), answers.put(revision)],
      ];
    });
    // Forty writes, and two revisions between each and the next that only the others can have made.
    for (const version of [40, 41, 118]) {
      assert.ok(verdict(...lines.flat(), read(50, 51, `k=w39@119/2.${version}`)));
    }
    assert.ok(!verdict(...lines.flat(), read(50, 51, 'k=w39@119/2.119')));
  });

  it('leaves reads that may be old, and reads of the past, to the other check', () => {
    const old: Line = ['r', 2, 3, calls.read('k', { serializable: true }), answers.read([])];
    const past: Line = ['r', 2, 3, calls.read('k', { revision: 1 }), answers.read([])];
    assert.ok(verdict(put(0, 1, 'a'), old, past));
  });

  it('takes a limited range as silent on what lies behind its end', () => {
    const cut: Line = [
      'r',
      2,
      3,
      { ...calls.read('a', { end: 'z' }), limit: 1 } as Call,
      ok({ type: 'range', revision: 0, items: [item('b=x')], count: 2 }),
    ];
    const b: Line = ['w', 0, 1, calls.put('b', 'x'), answers.put()];
    const a: Line = ['w', 0, 1, calls.put('a', 'y'), answers.put()];
    assert.ok(verdict(put(0, 1, 'a'), b, cut));
    assert.ok(!verdict(put(0, 1, 'a'), b, a, cut));
  });

  it('names the operations that cannot be ordered', () => {
    const { violations } = checkLinearizability(
      historyOf([put(0, 1, 'a'), put(2, 3, 'b'), read(4, 5, 'k=a')]),
    );
    const [violation] = violations;
    assert.ok(violation !== undefined);
    assert.equal(violation.operations[0]?.id, 2);
    assert.match(describeViolation(violation), /before it k=b.* was there/);
    assert.match(describeViolation(violation), /#2 reader at n1, 4.0..5.0 ms: range k -> /);
  });
});
