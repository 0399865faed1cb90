import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes } from '../../base/bytes.js';
import { OrderedTable } from './ordered-table.js';

type Step = readonly ['set' | 'get' | 'delete' | 'thin out', Uint8Array];

/** Few byte values and lengths: many keys are equal, begin alike, or are the beginning of another. */
const key = fc.array(fc.constantFrom(0, 1, 255), { maxLength: 7 }).map((bytes) => Uint8Array.from(bytes));
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('set', 'set', 'set', 'set', 'get', 'delete', 'delete', 'thin out'),
  key,
);

/** What the table is to be: pairs by the text of their keys, sorted when they are listed. */
class Twin {
  readonly #pairs = new Map<string, readonly [Uint8Array, number]>();

  #name(key: Uint8Array): string {
    return key.join();
  }

  get(key: Uint8Array): number | undefined {
    return this.#pairs.get(this.#name(key))?.[1];
  }

  set(key: Uint8Array, value: number): void {
    this.#pairs.set(this.#name(key), [key, value]);
  }

  delete(key: Uint8Array): void {
    this.#pairs.delete(this.#name(key));
  }

  removeWhere(gone: (value: number) => boolean): void {
    for (const [name, [, value]] of this.#pairs) if (gone(value)) this.#pairs.delete(name);
  }

  range(start: Uint8Array | undefined, end: Uint8Array | undefined): (readonly [Uint8Array, number])[] {
    return [...this.#pairs.values()]
      .filter(([each]) => start === undefined || compareBytes(each, start) >= 0)
      .filter(([each]) => end === undefined || compareBytes(each, end) < 0)
      .sort(([left], [right]) => compareBytes(left, right));
  }
}

function check(table: OrderedTable<number>, twin: Twin, start?: Uint8Array, end?: Uint8Array): void {
  const expected = twin.range(start, end);
  const bounds = { ...(start && { start }), ...(end && { end }) };
  assert.deepEqual([...table.range(bounds)], expected);
  assert.deepEqual([...table.range({ ...bounds, reverse: true })], expected.toReversed());
}

test('the table is a sorted map, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), key, key, (steps, start, end) => {
      const table = new OrderedTable<number>();
      const twin = new Twin();
      for (const [at, [what, each]] of steps.entries()) {
        const before = twin.get(each);
        // A read of the same key first, as those do who write depending on what is there.
        if (at % 2 === 0) assert.equal(table.get(each), before);
        if (what === 'set') {
          assert.equal(table.set(each, at), before);
          twin.set(each, at);
        } else if (what === 'delete') {
          assert.equal(table.delete(each), before);
          twin.delete(each);
        } else if (what === 'thin out') {
          const gone = (value: number): boolean => (value ^ at) % 3 === 0;
          table.removeWhere(gone);
          twin.removeWhere(gone);
        }
        assert.equal(table.get(each), twin.get(each));
      }
      assert.equal(table.size, twin.range(undefined, undefined).length);
      check(table, twin);
      check(table, twin, start, end);
      table.clear();
      assert.deepEqual([...table.range({})], []);
    }),
  );
});

for (const order of ['ascending', 'descending', 'mixed'] as const) {
  test(`thousands of keys in ${order} order, over many chunks`, () => {
    const count = 3000;
    const table = new OrderedTable<number>();
    const twin = new Twin();
    for (let step = 0; step < count; step++) {
      const number = { ascending: step, descending: count - step, mixed: (step * 1741) % count }[order];
      const bytes = Buffer.from(`key-${String(number).padStart(8, '0')}`);
      table.set(bytes, number);
      twin.set(bytes, number);
      assert.equal(table.get(Buffer.from(bytes)), number);
    }
    check(table, twin);
    check(table, twin, Buffer.from('key-00000999'), Buffer.from('key-00002001'));
    // So few are left of each chunk that they are joined.
    for (const modulus of [7, 11]) {
      const gone = (value: number): boolean => value % modulus !== 0;
      table.removeWhere(gone);
      twin.removeWhere(gone);
      check(table, twin);
    }
    assert.equal(table.size, twin.range(undefined, undefined).length);
    const visited: (readonly [Uint8Array, number])[] = [];
    table.forEach((key, value) => visited.push([key, value]));
    assert.deepEqual(visited, [...table.range({})]);
  });
}
