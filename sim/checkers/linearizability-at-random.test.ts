import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Prng, randomInt } from '../../src/base/prng.js';
import { History, type Call, type Operation, type Outcome } from './history.js';
import { checkLinearizability } from './linearizability.js';
import { canBeOrdered } from './testing/brute-force.js';
import { answers, calls, historyOf, item, unknown } from './testing/scripted-history.js';
import { spoil as spoilAnswer } from './testing/spoil.js';
import { storeExplains } from './testing/store-model.js';
import { runStore } from './testing/store-run.js';

type Line = Parameters<typeof historyOf>[0][number];

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

  it('misses no history that no order explains, and finds none that a store explains', () => {
    let ordered = 0;
    let runs = 0;
    const property = fc.property(fc.nat(), fc.integer({ min: 1, max: 2 }), (seed, keys) => {
      const random = new Prng(seed);
      const { operations } = runStore({ seed, operations: 7, clients: 4, keys, lost: 300 });
      const history = seed % 4 === 0 ? operations : spoilAnswer(random, operations);
      const { violations, undecided } = checkLinearizability(history);
      assert.deepEqual(undecided, []);
      const isOrdered = ['k0', 'k1'].every((key) => canBeOrdered(history, key));
      if (!isOrdered) assert.notEqual(violations.length, 0);
      if (violations.length > 0) assert.ok(!storeExplains(history));
      runs++;
      if (violations.length === 0) ordered++;
    });
    fc.assert(property, { numRuns: 2000 });
    assert.ok(ordered > runs / 10 && ordered < (runs * 9) / 10, `${ordered} of ${runs} can be ordered`);
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
