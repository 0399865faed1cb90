import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { open } from 'lmdb';
import { compareBytes } from '../../base/bytes.js';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { tableNames, type Row } from '../../ports/backend.js';
import type { Change } from './backlog.js';
import { LmdbEnvironment } from './lmdb-environment.js';
import { LongKeyChanges } from './long-key-changes.js';
import { decodeLevel, LongKeys, topLevel, type ShortKeyReader } from './long-keys.js';

/** A store of short keys in memory, that shows a transaction only once it is written, as LMDB does. */
class ShortKeys implements ShortKeyReader {
  readonly #levels = new Map<bigint, Map<string, Row>>();

  get(level: bigint, key: Uint8Array): Uint8Array | undefined {
    return this.#levels.get(level)?.get(key.join())?.value;
  }

  *range(level: bigint, options: Parameters<ShortKeyReader['range']>[1]): Generator<Row> {
    const { start, end, reverse } = options;
    const rows = [...(this.#levels.get(level)?.values() ?? [])]
      .filter(({ key }) => start === undefined || compareBytes(key, start) >= 0)
      .filter(({ key }) => end === undefined || compareBytes(key, end) < 0)
      .sort((left, right) => compareBytes(left.key, right.key));
    yield* reverse === true ? rows.toReversed() : rows;
  }

  *keys(level: bigint): Generator<Uint8Array> {
    assert.notEqual(level, topLevel, 'a walk over all that there is');
    for (const { key } of this.range(level, {})) yield key;
  }

  write(changes: LongKeyChanges): void {
    for (const { level, key, value } of [...changes.rows()]) {
      let rows = this.#levels.get(level);
      if (rows === undefined) this.#levels.set(level, (rows = new Map<string, Row>()));
      if (value === undefined) rows.delete(key.join());
      else rows.set(key.join(), { key, value });
      if (rows.size === 0) this.#levels.delete(level);
    }
  }

  /** Each level but the first hangs on one pointer, and none is empty. */
  check(longKeys: LongKeys): void {
    const pointed: bigint[] = [];
    for (const rows of this.#levels.values()) {
      for (const { key, value } of rows.values()) {
        if (longKeys.isPointer(key)) pointed.push(decodeLevel(value));
      }
    }
    const levels = [...this.#levels.keys()].filter((level) => level !== topLevel);
    assert.deepEqual(pointed.sort(), levels.sort());
  }
}

const chunkSizeBytes = 3;

/** Of few kinds of chunks, up to four levels deep: many share levels, or end where another goes on. */
function randomKey(random: RandomSource): Uint8Array {
  const length = chunkSizeBytes + 1 + randomInt(random, 3 * chunkSizeBytes);
  return Uint8Array.from({ length }, (_, at) => (at % chunkSizeBytes === 2 ? randomInt(random, 2) : 7));
}

describe('long keys', () => {
  // A failing seed is named; KVORUM_SEED replays it.
  itHoldsForSeeds('are a sorted map, and leave nothing of what was removed', 200, [], (seed) => {
    const random = new Prng(seed);
    const longKeys = new LongKeys(chunkSizeBytes);
    const store = new ShortKeys();
    const model = new Map<string, Row>();
    let newest = topLevel;
    for (let round = 0; round < 30; round++) {
      const changes = new LongKeyChanges(longKeys, store, () => ++newest);
      // More is removed than added in some rounds, and everything in the last.
      const removals = round === 29 ? 1 : randomInt(random, 10) / 10;
      const keys = new Map(
        Array.from({ length: randomInt(random, 40) }, () => randomKey(random)).map((key) => [
          key.join(),
          key,
        ]),
      );
      if (round === 29) for (const [name, { key }] of model) keys.set(name, key);
      for (const [name, key] of keys) {
        if (randomInt(random, 1000) < removals * 1000) {
          changes.change(key, undefined);
          model.delete(name);
        } else {
          const value = Uint8Array.of(round);
          changes.change(key, value);
          model.set(name, { key, value });
        }
      }
      store.write(changes);
      store.check(longKeys);
      const expected = [...model.values()].sort((left, right) => compareBytes(left.key, right.key));
      assert.deepEqual([...longKeys.range(store, {})], expected);
      for (const key of keys.values()) {
        assert.deepEqual(longKeys.get(store, key), model.get(key.join())?.value);
      }
    }
    assert.deepEqual([...store.range(topLevel, {})], []);
  });
});

const position = { index: 1, term: 1 };

/** Rows of LMDB itself in each of its tables, but for the backend's own. */
async function rowCounts(path: string): Promise<Record<string, number>> {
  const encoding = { keyEncoding: 'binary', encoding: 'binary' } as const;
  const root = open({ path, maxDbs: 10, ...encoding });
  const counts = tableNames
    .flatMap((name) => [name, `${name}-long`])
    .map((name) => [name, root.openDB({ name, ...encoding }).getKeysCount()] as const);
  await root.close();
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

describe('long keys in LMDB', () => {
  const keyOf = (length: number, name: string): Uint8Array =>
    Buffer.alloc(length, 'x').fill(name, length - name.length);

  async function emptyEnvironment(t: TestContext): Promise<LmdbEnvironment> {
    const path = mkdtempSync(join(tmpdir(), 'kvorum-long-keys-'));
    t.after(() => rmSync(path, { recursive: true, force: true }));
    return Promise.resolve(new LmdbEnvironment(path, { durable: false }));
  }

  it('leave no row behind once they are removed, together or one by one', async (t) => {
    const environment = await emptyEnvironment(t);
    const keys = [1960, 1961, 1999, 3920, 3921, 5880, 5881, 20_000, 131_136].flatMap((length) =>
      ['aaa', 'aab', 'b'].map((name) => keyOf(length, name)),
    );
    const change = (key: Uint8Array, value?: Uint8Array): Change => ({ table: 'history', key, value });
    for (const together of [true, false]) {
      await environment.write(
        keys.map((key) => change(key, Buffer.from('value'))),
        position,
      );
      assert.equal([...environment.range('history', {})].length, keys.length);
      for (const [at, key] of keys.entries()) {
        if (together) continue;
        await environment.write([change(key)], position);
        assert.equal([...environment.range('history', {})].length, keys.length - at - 1);
      }
      if (together)
        await environment.write(
          keys.toReversed().map((key) => change(key)),
          position,
        );
    }
    await environment.close();
    assert.deepEqual(await rowCounts(environment.path), {});
  });

  it('that are added where others go in the same transaction stay', async (t) => {
    const environment = await emptyEnvironment(t);
    const [first, second, third] = ['a', 'b', 'c'].map((name) => keyOf(5000, name));
    const value = Buffer.from('value');
    await environment.write([{ table: 'current', key: first!, value }], position);
    for (const [added, removed] of [
      [second, first],
      [third, second],
    ] as const) {
      const changes = [
        { table: 'current', key: removed!, value: undefined },
        { table: 'current', key: added!, value },
      ] as const;
      await environment.write(added === second ? changes : changes.toReversed(), position);
      assert.deepEqual(
        [...environment.range('current', {})].map(({ key }) => Buffer.from(key)),
        [added],
      );
    }
    await environment.close();
    assert.deepEqual(await rowCounts(environment.path), { current: 1, 'current-long': 2 });
  });
});
