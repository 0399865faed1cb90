import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sliceUnits, Work } from '../../base/work.js';
import type { Backend, RangeOptions, Row, TableName } from '../../ports/backend.js';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from '../../storage/backend/lmdb-backend.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import type { KeyRangeQuery, RangeAnswer } from '../range.js';
import { KeySpace } from './key-space.js';

/** Of two rows, and of entries that are walked over: none here is longer than a segment of 16 KiB. */
const beyondUnitsMax = 16;

/** Counts ranges that are begun. */
class CountingBackend extends MemoryBackend {
  ranges = 0;

  override range(table: TableName, options: RangeOptions): Iterable<Row> {
    this.ranges++;
    return super.range(table, options);
  }
}

function filled(puts: Iterable<readonly [number, Uint8Array]>): { backend: CountingBackend; keys: KeySpace } {
  const backend = new CountingBackend();
  const keys = new KeySpace(backend);
  let index = 0;
  for (const [key, value] of puts) {
    keys.write((txn) => txn.put(keyOf(key), value, 0n, false));
    if (++index % 100 === 0) commit(keys, backend, index);
  }
  commit(keys, backend, index);
  backend.ranges = 0;
  return { backend, keys };
}

function commit(keys: KeySpace, backend: Backend, index: number): void {
  keys.save();
  backend.commit({ index, term: 1 });
}

const keyOf = (number: number): Uint8Array => Buffer.from(`key-${String(number).padStart(6, '0')}`);
const all = { key: Uint8Array.of(0), end: Uint8Array.of(0), revision: 0, limit: 0 } as const;
const small = Buffer.alloc(100, 'v');

interface Done {
  readonly answer: RangeAnswer;
  readonly units: number;
  readonly slices: number;
}

/** In slices as members make them. */
function inSlices(keys: KeySpace, query: KeyRangeQuery): Done {
  const read = keys.read(query);
  let units = 0;
  for (let slices = 1; ; slices++) {
    const work = new Work();
    const answer = read.step(work);
    assert.ok(work.units < sliceUnits + beyondUnitsMax, `a slice of ${work.units} units`);
    units += work.units;
    if (answer !== undefined) return { answer, units, slices };
  }
}

describe('the work of a read', () => {
  it('is bounded, page by page, where a hundred thousand keys were written later', () => {
    const later = 100_000;
    const { backend, keys } = filled(Array.from({ length: later + 1 }, (_, at) => [at, small] as const));
    const query = { ...all, revision: 2, limit: 1000, pageOnly: true };
    const { answer, units, slices } = inSlices(keys, query);
    assert.deepEqual(
      answer.items.map(({ key }) => key),
      [keyOf(0)],
    );
    assert.equal(answer.more, false);
    assert.ok(units < 1.2 * later && slices > later / sliceUnits, `${units} units in ${slices} slices`);
    assert.ok(
      backend.ranges <= 3 * slices,
      `${backend.ranges} ranges: no look-up for a key that was created later`,
    );

    const unitsMax = 80 * sliceUnits;
    const found: Uint8Array[] = [];
    let key: Uint8Array = all.key;
    let pages = 0;
    for (let more = true; more; pages++) {
      const page = inSlices(keys, { ...query, key, unitsMax });
      assert.ok(page.units < unitsMax + beyondUnitsMax, `a page of ${page.units} units`);
      found.push(...page.answer.items.map((item) => item.key));
      more = page.answer.more;
      key = page.answer.next ?? key;
    }
    assert.deepEqual(found, [keyOf(0)]);
    assert.ok(pages > 10 && pages < 20, `${pages} pages`);
  });

  it('follows chains without a look-up for each link', () => {
    const [count, rounds] = [1000, 63];
    const puts = Array.from({ length: count * rounds }, (_, at) => [at % count, small] as const);
    const { backend, keys } = filled(puts);
    const { answer, units } = inSlices(keys, { ...all, revision: count + 1, limit: count, pageOnly: true });
    assert.ok(answer.items.length === count && answer.items.every(({ version }) => version === 1));
    const links = count * (rounds - 1);
    assert.ok(backend.ranges < links / 20, `${backend.ranges} ranges for ${links} links`);
    assert.ok(units < links / 2, `${units} units for ${links} links`);
  });

  it('jumps over the entries of a key that is written again and again', () => {
    const { keys } = filled(Array.from({ length: 40_000 }, (_, at) => [at < 3 ? at : 1, small] as const));
    for (const reverse of [false, true]) {
      for (const revision of [4, 20_000]) {
        const { answer, units } = inSlices(keys, { ...all, revision, reverse });
        assert.equal(answer.items.length, 3);
        assert.ok(units < 100, `${units} units`);
      }
    }
  });

  it('does not grow with values that nobody wants', () => {
    const large = Buffer.alloc(512 * 1024, 'v');
    const puts = Array.from({ length: 100 }, (_, at) => [at % 50, large] as const);
    const { keys } = filled(puts);
    for (const revision of [0, 51]) {
      for (const wanted of [{ keysOnly: true }, { countOnly: true }]) {
        const { answer, units } = inSlices(keys, { ...all, ...wanted, revision });
        assert.equal(answer.count, 50);
        assert.ok(units < 50 * 40, `${units} units`);
      }
    }
    const whole = keys.read({ ...all, revision: 51 });
    let slices = 1;
    while (whole.step(new Work()) === undefined) slices++;
    assert.ok(slices > 10, 'values that are wanted are work');
  });

  it('is bounded where thousands of keys were removed, and are still on disk', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-removed-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const backend = await LmdbBackend.open(folder, { clock: new RealClock(), flushIntervalMs: 2 ** 30 });
    const count = 10_000;
    const keys = new KeySpace(backend);
    for (let at = 0; at <= count; at++) keys.write((txn) => txn.put(keyOf(at), small, 0n, false));
    commit(keys, backend, 1);
    await backend.flush();
    // In one turn: nothing of it is flushed before it is read.
    for (let at = 0; at < count; at++) keys.write((txn) => txn.delete(keyOf(at)));
    commit(keys, backend, 2);
    for (const reverse of [false, true]) {
      const { answer, slices } = inSlices(keys, { ...all, reverse });
      assert.deepEqual([answer.count, answer.items[0]?.key], [1, keyOf(count)]);
      assert.ok(slices >= count / sliceUnits, `${slices} slices`);
    }
    keys.compact(keys.revision);
    while (keys.compactionPending) keys.compactSlice(new Work());
    commit(keys, backend, 3);
    keys.write((txn) => txn.delete(keyOf(count)));
    const { answer, slices } = inSlices(keys, { ...all, revision: keys.revision - 1 });
    assert.equal(answer.count, 1);
    assert.ok(slices >= count / sliceUnits, `${slices} slices`);
    commit(keys, backend, 4);
    await backend.close();
  });

  it('grows with the pieces that long keys are put together of', () => {
    const count = 20;
    const { keys } = filled([]);
    for (let at = 0; at < count; at++) {
      keys.write((txn) => txn.put(Buffer.alloc(64 * 1024, at + 1), small, 0n, false));
    }
    const read = keys.read({ ...all, keysOnly: true });
    let slices = 1;
    while (read.step(new Work()) === undefined) slices++;
    assert.ok(slices >= count / 2, `${slices} slices`);
  });

  it('of a count is done in slices', () => {
    const { keys } = filled(Array.from({ length: 20_000 }, (_, at) => [at, small] as const));
    const { answer, slices } = inSlices(keys, { ...all, countOnly: true });
    assert.equal(answer.count, 20_000);
    assert.ok(slices >= 50, `${slices} slices`);
  });
});
