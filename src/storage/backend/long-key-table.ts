import type { RangeOptions } from '../../ports/backend.js';
import { LongKeyChanges } from './long-key-changes.js';
import { LongKeys, topLevel, type ShortKeyReader } from './long-keys.js';
import { OrderedTable } from './ordered-table.js';

type Value = Uint8Array;

/**
 * As OrderedTable, over tables whose keys are bounded: in memory what LMDB's tables are on disk, so that tests and the
 * simulator go the way of long keys with keys that are short.
 */
export class LongKeyTable {
  readonly #chunkSizeBytes: number;
  readonly #longKeys: LongKeys;
  readonly #levels = new Map([[topLevel, new OrderedTable<Value>()]]);
  readonly #reader: ShortKeyReader;
  #newestLevel = topLevel;
  #changes: LongKeyChanges;

  constructor(chunkSizeBytes: number) {
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#longKeys = new LongKeys(chunkSizeBytes);
    const rows = (level: bigint, options: RangeOptions): Iterable<readonly [Uint8Array, Value]> =>
      this.#levels.get(level)?.range(options) ?? [];
    this.#reader = {
      get: (level, key) => this.#levels.get(level)?.get(key),
      *range(level, options) {
        for (const [key, value] of rows(level, options)) yield { key, value };
      },
      *keys(level) {
        for (const [key] of rows(level, {})) yield key;
      },
    };
    this.#changes = this.#begin();
  }

  get(key: Uint8Array): Value | undefined {
    return this.#longKeys.get(this.#reader, key);
  }

  /** @returns the value that was there */
  set(key: Uint8Array, value: Value): Value | undefined {
    const before = this.get(key);
    this.add(key, value);
    this.writeAdded();
    return before;
  }

  /** @returns the value that was there */
  delete(key: Uint8Array): Value | undefined {
    const before = this.get(key);
    this.add(key, undefined);
    this.writeAdded();
    return before;
  }

  /** A change of a transaction, see writeAdded(). @param value undefined: the key goes */
  add(key: Uint8Array, value: Value | undefined): void {
    if (key.length > this.#chunkSizeBytes) this.#changes.change(key, value);
    else this.#setShort(topLevel, key, value);
  }

  /** What was added is seen. */
  writeAdded(): void {
    for (const { level, key, value } of [...this.#changes.rows()]) this.#setShort(level, key, value);
    this.#changes = this.#begin();
  }

  #begin(): LongKeyChanges {
    return new LongKeyChanges(this.#longKeys, this.#reader, () => ++this.#newestLevel);
  }

  #setShort(level: bigint, key: Uint8Array, value: Value | undefined): void {
    let table = this.#levels.get(level);
    if (table === undefined) this.#levels.set(level, (table = new OrderedTable()));
    if (value === undefined) table.delete(key);
    else table.set(key, value);
    if (table.size === 0 && level !== topLevel) this.#levels.delete(level);
  }

  /** The table must not change while the result is being read. */
  *range(options: RangeOptions): Generator<readonly [Uint8Array, Value]> {
    for (const { key, value } of this.#longKeys.range(this.#reader, options)) yield [key, value];
  }
}
