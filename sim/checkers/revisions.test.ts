import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/prng.js';
import { describeOperation, describeViolation, type Call } from './history.js';
import { checkRevisions } from './revisions.js';
import { answers, calls, failed, historyOf, item, ok, unknown } from './testing/scripted-history.js';
import { storeExplains } from './testing/store-model.js';
import { spoil } from './testing/spoil.js';
import { runStore } from './testing/store-run.js';

type Line = Parameters<typeof historyOf>[0][number];

/** The rules that are broken. */
function broken(...lines: Line[]): string[] {
  return [...new Set(checkRevisions(historyOf(lines)).map((violation) => violation.rule))];
}

const put = (from: number, to: number, key: string, value: string, revision: number): Line => [
  `w${from}`,
  from,
  to,
  calls.put(key, value),
  answers.put(revision),
];
const read = (from: number, to: number, revision: number, ...items: string[]): Line => [
  `r${from}`,
  from,
  to,
  calls.read('a', { end: 'z' }),
  answers.read(items.map(item), revision),
];
const lost = (from: number, call: Call): Line => [`l${from}`, from, undefined, call, unknown];

describe('a history and its revisions', () => {
  it('takes what happened one after the other', () => {
    const deleted: Line = ['d', 4, 5, calls.delete('k'), answers.delete(1, 4)];
    assert.deepEqual(
      broken(
        read(0, 1, 1),
        put(2, 3, 'k', 'x', 2),
        put(2, 3, 'm', 'y', 3),
        read(3.1, 3.2, 3, 'k=x@2/2.1', 'm=y@3/3.1'),
        deleted,
        read(6, 7, 4, 'm=y@3/3.1'),
      ),
      [],
    );
  });

  it('finds a revision that was made twice', () => {
    assert.deepEqual(broken(put(0, 1, 'a', 'x', 2), put(0, 1, 'b', 'y', 2)), [
      'each write makes its own revision',
    ]);
  });

  it('finds revisions that go back', () => {
    const rule = 'revisions agree with real time';
    assert.deepEqual(broken(put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3), read(4, 5, 2, 'a=x@2/2.1')), [
      rule,
    ]);
    assert.deepEqual(
      broken(put(0, 1, 'a', 'x', 3), put(2, 3, 'a', 'y', 2), lost(0, calls.put('b', 'z')))[0],
      rule,
    );
    assert.deepEqual(broken(put(0, 9, 'a', 'x', 3), put(2, 3, 'a', 'y', 2)), []);
  });

  it('lets serializable reads be old, but not go back within a session, and not know the future', () => {
    const old = (from: number, revision: number, ...items: string[]): Line => [
      's',
      from,
      from + 1,
      calls.read('a', { end: 'z', serializable: true }),
      answers.read(items.map(item), revision),
    ];
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
    assert.deepEqual(broken(...writes, old(4, 2, 'a=x@2/2.1'), old(6, 3, 'a=y@3/2.2')), []);
    assert.deepEqual(broken(...writes, old(4, 3, 'a=y@3/2.2'), old(6, 2, 'a=x@2/2.1')), [
      'a session does not go back',
    ]);
    assert.deepEqual(
      broken(...writes, old(4, 2, 'a=y@3/2.2'))[0],
      'an answer is what the store holds at its revision',
    );
    assert.deepEqual(broken(old(-2, 3, 'a=y@3/2.2'), ...writes), ['nothing is seen before it is asked for']);
  });

  it('finds a lost write, and a value from nowhere', () => {
    assert.deepEqual(broken(put(0, 1, 'a', 'x', 2), read(2, 3, 2)), [
      'an answer is what the store holds at its revision',
    ]);
    assert.deepEqual(broken(read(0, 1, 2, 'a=x@2/2.1')), [
      'no value comes from nowhere',
      'every revision is made by a write',
    ]);
    const refused: Line = ['f', 0, 1, calls.put('a', 'x'), failed()];
    assert.ok(broken(refused, read(2, 3, 2, 'a=x@2/2.1')).includes('what failed has no effect'));
  });

  it('finds a write that took effect twice', () => {
    assert.deepEqual(
      broken(put(0, 1, 'a', 'x', 2), lost(0, calls.put('b', 'y')), read(2, 3, 3, 'a=x@3/2.2'))[0],
      'a write takes effect once',
    );
    const late = lost(0, calls.put('a', 'x'));
    const rules = broken(
      late,
      lost(0, calls.put('b', 'y')),
      read(2, 3, 2, 'a=x@2/2.1'),
      read(4, 5, 3, 'a=x@3/2.2'),
    );
    assert.equal(rules[0], 'a write takes effect once');
  });

  it('takes a gap for a write without a response, and no more gaps than there are such', () => {
    assert.deepEqual(broken(put(0, 1, 'a', 'x', 2), lost(2, calls.delete('a')), read(4, 5, 3)), []);
    assert.deepEqual(broken(put(0, 1, 'a', 'x', 2), lost(2, calls.delete('b')), read(4, 5, 3)), [
      'an answer is what the store holds at its revision',
    ]);
    assert.deepEqual(broken(lost(2, calls.put('a', 'x')), read(4, 5, 3)), [
      'every revision is made by a write',
    ]);
    assert.deepEqual(broken(read(0, 1, 2), lost(2, calls.put('a', 'x'))), [
      'every revision is made by a write',
    ]);
  });

  it('sees several keys at one moment', () => {
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 8, 'a', 'y', 3), put(2, 8, 'b', 'z', 4)];
    assert.deepEqual(broken(...writes, read(3, 7, 3, 'a=y@3/2.2')), []);
    assert.deepEqual(broken(...writes, read(3, 7, 4, 'a=x@2/2.1', 'b=z@4/4.1')), [
      'an answer is what the store holds at its revision',
    ]);
  });

  it('holds comparisons against what was there', () => {
    const set = (is: number, done: boolean, revision: number, found: number): Line => [
      's',
      4,
      5,
      calls.set('a', 'revision', is, 'y'),
      answers.set(done, revision, found),
    ];
    const made = put(0, 1, 'a', 'x', 2);
    const other = put(2, 3, 'b', 'z', 3);
    assert.deepEqual(broken(made, other, set(2, true, 4, 2), read(6, 7, 4, 'a=y@4/2.2', 'b=z@3/3.1')), []);
    assert.deepEqual(broken(made, other, set(1, false, 3, 2), read(6, 7, 3, 'a=x@2/2.1', 'b=z@3/3.1')), []);
    assert.deepEqual(broken(set(1, false, 1, 0)), []);
    const isNotHeld = ['an answer is what the store holds at its revision'];
    assert.deepEqual(broken(made, other, set(3, true, 4, 3)), isNotHeld);
    assert.deepEqual(broken(made, put(2, 3, 'a', 'z', 3), set(2, true, 4, 2)), isNotHeld);
    assert.deepEqual(broken(made, other, set(4, false, 3, 3)), isNotHeld);
    assert.deepEqual(broken(made, other, set(0, true, 4, 0)), isNotHeld);
    assert.deepEqual(broken(made, other, set(7, true, 4, 2)), ['a comparison decides']);
    assert.deepEqual(broken(made, other, set(2, false, 3, 2)), ['a comparison decides']);
    // Answered before it knew of what was answered.
    assert.deepEqual(broken(made, other, set(1, false, 2, 2)), ['revisions agree with real time']);
  });

  it('finds a comparison that failed and wrote', () => {
    const made = put(0, 1, 'a', 'x', 2);
    const failing: Line = ['s', 2, 3, calls.set('a', 'revision', 9, 'y'), answers.set(false, 2, 2)];
    assert.deepEqual(broken(made, failing, read(4, 5, 3, 'a=y@3/2.2'))[0], 'a write takes effect once');
    assert.ok(
      broken(made, failing, read(4, 5, 3, 'a=x@2/2.1')).includes('every revision is made by a write'),
    );
  });

  it('takes a comparison without a response for what fills a gap', () => {
    const made = put(0, 1, 'a', 'x', 2);
    const removed = lost(2, calls.remove('a', 'revision', 2));
    assert.deepEqual(broken(made, removed, read(4, 5, 3)), []);
    assert.deepEqual(broken(made, removed, read(4, 5, 2, 'a=x@2/2.1')), []);
    const set = lost(2, calls.set('a', 'revision', 2, 'y'));
    assert.deepEqual(broken(made, set, read(4, 5, 3, 'a=y@3/2.2')), []);
    const found: Line = ['s', 4, 5, calls.set('a', 'revision', 2, 'z'), answers.set(false, 3, 3)];
    assert.deepEqual(broken(made, set, found), []);
    assert.ok(broken(made, removed, found).length > 0);
  });

  it('compares and deletes', () => {
    const made = put(0, 1, 'a', 'x', 2);
    const remove = (is: number, done: boolean, revision: number, found: number): Line => [
      'd',
      2,
      3,
      calls.remove('a', 'revision', is),
      answers.remove(done, revision, found),
    ];
    assert.deepEqual(broken(made, remove(2, true, 3, 2), read(4, 5, 3)), []);
    assert.deepEqual(broken(remove(0, true, 1, 0), put(4, 5, 'a', 'x', 2)), []);
    assert.ok(broken(made, remove(2, true, 3, 2), read(4, 5, 3, 'a=x@2/2.1')).length > 0);
    assert.ok(broken(made, remove(1, false, 3, 2), read(4, 5, 3)).length > 0);
  });

  it('reads the past as it was, until it is compacted', () => {
    const past = (revision: number, ...items: string[]): Line => [
      'p',
      10,
      11,
      calls.read('a', { end: 'z', revision }),
      answers.read(items.map(item), 3),
    ];
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
    const compact: Line = ['c', 6, 7, calls.compact(3), answers.compact(3)];
    assert.deepEqual(broken(...writes, past(2, 'a=x@2/2.1')), []);
    assert.deepEqual(broken(...writes, past(2, 'a=y@3/2.2')), [
      'an answer is what the store holds at its revision',
    ]);
    assert.deepEqual(broken(...writes, compact, past(2, 'a=x@2/2.1')), ['what is compacted stays compacted']);
    const refused = (code: string, revision: number): Line => [
      'p',
      10,
      11,
      calls.read('a', { revision }),
      failed(code),
    ];
    assert.deepEqual(broken(...writes, compact, refused('REVISION_COMPACTED', 2)), []);
    assert.deepEqual(broken(...writes, compact, refused('REVISION_COMPACTED', 3)), [
      'only what is compacted is refused as that',
    ]);
    assert.deepEqual(broken(...writes, refused('REVISION_IN_FUTURE', 4)), []);
    assert.deepEqual(broken(...writes, refused('REVISION_IN_FUTURE', 3)), [
      'the future is newer than what was answered',
    ]);
  });

  it('holds serializable reads to what their member has answered', () => {
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3)];
    const compact: Line = ['c', 6, 7, calls.compact(3), answers.compact(3)];
    const call = calls.read('a', { revision: 2, serializable: true });
    const past: Line = ['p', 10, 11, call, answers.read([item('a=x@2/2.1')], 3)];
    assert.deepEqual(broken(...writes, compact, past), ['what is compacted stays compacted']);
    const refused = (client: string): Line => [client, 10, 11, call, failed('REVISION_IN_FUTURE')];
    const seen: Line = ['p', 8, 9, calls.read('a'), answers.read([item('a=y@3/2.2')], 3)];
    assert.deepEqual(broken(...writes, seen, refused('p')), ['the future is newer than what was answered']);
    assert.deepEqual(broken(...writes, seen, refused('q')), []);
  });

  it('takes one compaction after the other, each to a newer revision', () => {
    const compact = (from: number, to: number, revision: number, at: number): Line => [
      `c${from}`,
      from,
      to,
      calls.compact(revision),
      answers.compact(at),
    ];
    const refused = (from: number, to: number): Line => [
      'r',
      from,
      to,
      calls.read('a', { revision: 2 }),
      failed('REVISION_COMPACTED'),
    ];
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'a', 'y', 3), put(6, 7, 'a', 'z', 4)];
    const again = ['what is compacted stays compacted'];
    assert.deepEqual(broken(...writes, compact(4, 5, 2, 3), compact(8, 9, 3, 4)), []);
    assert.deepEqual(broken(...writes, compact(4, 5, 3, 3), compact(8, 9, 2, 4)), again);
    assert.deepEqual(broken(...writes, compact(3, 9, 3, 3), compact(3, 9, 2, 4)), again);
    assert.deepEqual(broken(...writes, compact(3, 9, 3, 3), refused(4, 5)), []);
    // The compaction came after a write that was not asked for yet.
    assert.deepEqual(broken(...writes, compact(3, 9, 3, 4), refused(4, 5)), [
      'only what is compacted is refused as that',
    ]);
  });

  it('checks the shape of an answer', () => {
    const limited = (count: number, ...items: string[]): Line => [
      'r',
      4,
      5,
      { ...calls.read('a', { end: 'z' }), limit: 1 } as Call,
      ok({ type: 'range', revision: 3, items: items.map(item), count }),
    ];
    const writes = [put(0, 1, 'a', 'x', 2), put(2, 3, 'b', 'y', 3)];
    assert.deepEqual(broken(...writes, limited(2, 'a=x@2/2.1')), []);
    assert.deepEqual(broken(...writes, limited(1, 'a=x@2/2.1')), [
      'an answer is what the store holds at its revision',
    ]);
    assert.deepEqual(broken(...writes, limited(2, 'a=x@2/2.1', 'b=y@3/3.1')), [
      'an answer is what was asked for',
    ]);
    assert.deepEqual(broken(...writes, limited(2, 'b=y@3/3.1')), [
      'an answer is what the store holds at its revision',
    ]);
  });

  it('names the operations', () => {
    const [violation] = checkRevisions(historyOf([put(0, 1, 'a', 'x', 2), read(2, 3, 2)]));
    assert.match(describeViolation(violation!), /there is no a, but nothing deleted it\n +#1 r2 .*\n +#0 w0/);
  });
});

describe('a history and its revisions, at random', () => {
  const runs = Number(process.env['CHECKER_RUNS'] ?? 400);

  it('agrees with a check that tries every order, where all answers are known', () => {
    let sound = 0;
    const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), (seed, clients) => {
      const { operations } = runStore({ seed, operations: 7, clients, keys: 2, lost: 0 });
      const random = new Prng(seed);
      const history = seed % 5 === 0 ? operations : spoil(random, operations);
      const expected = storeExplains(history);
      if (expected) sound++;
      const violations = checkRevisions(history);
      const shown = [...violations.map(describeViolation), 'of', ...history.map(describeOperation)];
      assert.equal(violations.length === 0, expected, shown.join('\n'));
    });
    fc.assert(property, { numRuns: runs });
    assert.ok(sound > runs / 20 && sound < (runs * 19) / 20, `${sound} of ${runs} are sound`);
  });

  it('never blames what can be explained, and finds most of what cannot, where answers are lost', () => {
    let wrong = 0;
    let found = 0;
    const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), (seed, clients) => {
      const { operations } = runStore({ seed, operations: 7, clients, keys: 2, lost: 250 });
      const history = spoil(new Prng(seed), operations);
      const violations = checkRevisions(history);
      if (storeExplains(history)) assert.deepEqual(violations.map(describeViolation), []);
      else {
        wrong++;
        if (violations.length > 0) found++;
      }
    });
    fc.assert(property, { numRuns: runs });
    assert.ok(found > wrong * 0.9, `${found} of ${wrong} are found`);
  });

  it('takes every history of a real store, and 10,000 operations in a moment', () => {
    const property = fc.property(
      fc.nat(),
      fc.nat(150),
      fc.integer({ min: 1, max: 10 }),
      (seed, lost, clients) => {
        const { operations } = runStore({ seed, operations: 150, clients, keys: 4, lost });
        assert.deepEqual(checkRevisions(operations).map(describeViolation), []);
      },
    );
    fc.assert(property, { numRuns: runs / 4 });
    const { operations } = runStore({ seed: 3, operations: 10_000, clients: 8, keys: 6, lost: 20 });
    const start = process.cpuUsage();
    assert.deepEqual(checkRevisions(operations), []);
    const { user } = process.cpuUsage(start);
    assert.ok(user < 2_000_000, `it took ${user / 1000} ms`);
  });
});
