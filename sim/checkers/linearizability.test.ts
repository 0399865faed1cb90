import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Prng, randomInt } from '../../src/base/prng.js';
import { describeViolation, History, type Call, type Operation, type Outcome } from './history.js';
import { checkLinearizability } from './linearizability.js';
import { canBeOrdered } from './testing/brute-force.js';
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

/** What a real register would answer, for some linearisation point inside each interval. */
function simulate(
  seed: number,
  size: number,
  options: { keys: number; lost: number; clients: number; sets: boolean },
): History {
  const random = new Prng(seed);
  const history = new History();
  const state = new Map<string, { value: string; version: number }>();
  type Running = { id: number; call: Call; outcome: Outcome | undefined };
  const running: (Running | undefined)[] = [];
  const act = (call: Call): Outcome => {
    if (call.type === 'compact') return answers.compact();
    const held = state.get(call.key);
    const write = (value: string): void =>
      void state.set(call.key, { value, version: (held?.version ?? 0) + 1 });
    switch (call.type) {
      case 'put':
        write(call.value);
        return answers.put();
      case 'append':
        write((held?.value ?? '') + call.value);
        return answers.append();
      case 'delete':
        state.delete(call.key);
        return answers.delete(held === undefined ? 0 : 1);
      case 'compare-and-set':
      case 'compare-and-delete': {
        const done = (held?.version ?? 0) === call.expected.is;
        if (done && call.type === 'compare-and-set') write(call.value);
        if (done && call.type === 'compare-and-delete') state.delete(call.key);
        return call.type === 'compare-and-set' ? answers.set(done) : answers.remove(done);
      }
      case 'range':
        return answers.read(
          held === undefined ? [] : [{ key: call.key, ...held, createRevision: 0, modRevision: 0 }],
        );
    }
  };
  while (history.operations.length < size) {
    const client = randomInt(random, options.clients);
    const now = running[client];
    const time = history.operations.length;
    if (now === undefined) {
      const key = `k${randomInt(random, options.keys)}`;
      const dice = randomInt(random, 10);
      const value = `v${history.operations.length}`;
      const call =
        dice < 4
          ? calls.read(key)
          : dice < 8
            ? calls.put(key, value)
            : dice < 9 || !options.sets
              ? calls.delete(key)
              : randomInt(random, 3) === 0
                ? calls.remove(key, 'version', state.get(key)?.version ?? 0)
                : calls.set(key, 'version', state.get(key)?.version ?? 0, value);
      const id = history.invoke(`c${client}`, 'n1', call, time);
      running[client] = { id, call, outcome: undefined };
    } else if (now.outcome === undefined) {
      const isLost = randomInt(random, 1000) < options.lost;
      if (!isLost || randomInt(random, 2) === 0) now.outcome = act(now.call);
      if (isLost) {
        history.respond(now.id, unknown, time);
        running[client] = undefined;
      }
    } else {
      history.respond(now.id, now.outcome, time);
      running[client] = undefined;
    }
  }
  return history;
}

describe('linearizability, at random', () => {
  const values = ['a', 'b', 'c'];
  const anyLine = fc
    .record({
      found: fc.constantFrom(undefined, 0, 1, 2),
      at: fc.nat(12),
      lasts: fc.nat(6),
      kind: fc.constantFrom('put', 'delete', 'read', 'set', 'set-revision', 'remove', 'append'),
      value: fc.constantFrom(...values),
      version: fc.nat(2),
      isLost: fc.boolean(),
      flag: fc.boolean(),
      seen: fc.constantFrom('', ...values, 'ab', 'ba'),
    })
    .map(({ found, at, lasts, kind, value, version, isLost, flag, seen }): Line => {
      const to = isLost && kind !== 'read' ? undefined : at + lasts + 0.5;
      const line = (call: Call, outcome: Outcome): Line => ['c', at, to, call, outcome];
      if (kind === 'put') return line(calls.put('k', value), answers.put());
      if (kind === 'append') return line(calls.append('k', value), answers.append());
      if (kind === 'delete') return line(calls.delete('k'), answers.delete([0, 1, undefined][version]));
      if (kind === 'set') return line(calls.set('k', 'version', version, value), answers.set(flag));
      if (kind === 'set-revision') {
        return line(calls.set('k', 'revision', version, value), answers.set(flag, 0, found));
      }
      if (kind === 'remove') {
        return line(calls.remove('k', 'revision', version), answers.remove(flag, 0, found));
      }
      const told = flag && version > 0 ? `@0/0.${version}` : '';
      return line(calls.read('k'), answers.read(seen === '' ? [] : [item(`k=${seen}${told}`)]));
    });

  it('agrees with a check that tries every order', () => {
    let ordered = 0;
    let runs = 0;
    const property = fc.property(fc.array(anyLine, { minLength: 2, maxLength: 7 }), (lines) => {
      const operations = historyOf(lines);
      const expected = canBeOrdered(operations, 'k');
      runs++;
      if (expected) ordered++;
      assert.equal(checkLinearizability(operations).violations.length === 0, expected);
    });
    fc.assert(property, { numRuns: 3000 });
    assert.ok(ordered > runs / 20 && ordered < (runs * 19) / 20, `${ordered} of ${runs} can be ordered`);
  });

  it('takes every history of a real register, with answers that were lost', () => {
    const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, clients) => {
      const { operations } = simulate(seed, 200, { keys: 2, lost: 100, clients, sets: true });
      assert.deepEqual(checkLinearizability(operations), { violations: [], undecided: [] });
    });
    fc.assert(property, { numRuns: 100 });
  });

  it('decides 10,000 operations on five keys in a moment, and finds one changed answer', () => {
    const { operations } = simulate(7, 10_000, { keys: 5, lost: 30, clients: 10, sets: false });
    const start = process.cpuUsage();
    assert.deepEqual(checkLinearizability(operations), { violations: [], undecided: [] });
    const { user } = process.cpuUsage(start);
    assert.ok(user < 3_000_000, `it took ${user / 1000} ms`);
    assert.equal(checkLinearizability(spoil(operations)).violations.length, 1);
  });
});

/** The last read that saw a pair says that it saw the pair of a read long before. */
function spoil(operations: readonly Operation[]): Operation[] {
  const seen = (operation: Operation): boolean =>
    operation.outcome.kind === 'ok' &&
    operation.outcome.answer.type === 'range' &&
    operation.outcome.answer.items.length > 0;
  const late = operations.findLast(seen)!;
  const key = (late.call as { key: string }).key;
  const early = operations.find((each) => seen(each) && (each.call as { key: string }).key === key)!;
  return operations.map((each) => (each === late ? { ...each, outcome: early.outcome } : each));
}
