import { compareBytes, equalBytes } from '../../base/bytes.js';
import type { RangeOptions } from '../../ports/backend.js';

interface Chunk<V> {
  keys: Uint8Array[];
  values: V[];
}

/** Pairs in one chunk; a full one is split in two. */
const chunkPairsMax = 256;

/** An ordered map of byte keys in memory: sorted chunks, found by halving. O(log n) a look-up. */
export class OrderedTable<V> {
  #chunks: Chunk<V>[] = [];
  #size = 0;
  /** What was looked for last, and where it is or would be: whoever reads a key often writes it next. */
  #located: Uint8Array | undefined;
  #found = false;
  #chunkAt = 0;
  #pairAt = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): V | undefined {
    return this.#locate(key) ? this.#chunks[this.#chunkAt]!.values[this.#pairAt] : undefined;
  }

  /** Keeps `key` and `value` themselves. @returns the value that was there */
  set(key: Uint8Array, value: V): V | undefined {
    if (this.#chunks.length === 0) this.#chunks.push({ keys: [], values: [] });
    const found = this.#locate(key);
    const { keys, values } = this.#chunks[this.#chunkAt]!;
    const at = this.#pairAt;
    if (found) {
      const before = values[at];
      values[at] = value;
      return before;
    }
    this.#located = undefined;
    this.#size++;
    if (at === keys.length) {
      keys.push(key);
      values.push(value);
    } else {
      keys.splice(at, 0, key);
      values.splice(at, 0, value);
    }
    if (keys.length > chunkPairsMax) this.#split(this.#chunkAt, at === keys.length - 1);
    return undefined;
  }

  #split(chunkAt: number, grewAtEnd: boolean): void {
    const chunk = this.#chunks[chunkAt]!;
    // A table that is filled in order gets full chunks.
    const from = grewAtEnd ? chunk.keys.length - 1 : chunk.keys.length >> 1;
    const upper = { keys: chunk.keys.splice(from), values: chunk.values.splice(from) };
    this.#chunks.splice(chunkAt + 1, 0, upper);
  }

  /** @returns the value that was there */
  delete(key: Uint8Array): V | undefined {
    if (!this.#locate(key)) return undefined;
    const { keys, values } = this.#chunks[this.#chunkAt]!;
    this.#located = undefined;
    keys.splice(this.#pairAt, 1);
    const [before] = values.splice(this.#pairAt, 1);
    this.#size--;
    if (keys.length === 0) this.#chunks.splice(this.#chunkAt, 1);
    return before;
  }

  /** In order, and faster than range(). The table must not change meanwhile. */
  forEach(visit: (key: Uint8Array, value: V) => void): void {
    for (const { keys, values } of this.#chunks) {
      for (let at = 0; at < keys.length; at++) visit(keys[at]!, values[at]!);
    }
  }

  /** Removes the pairs whose value is such. Costs a walk through the table, without a look at the keys. */
  removeWhere(gone: (value: V) => boolean): void {
    const before = this.#chunks;
    this.clear();
    for (const { keys, values } of before) this.#keep(keys, values, gone);
  }

  /** Adds what is not gone at the end. */
  #keep(keys: Uint8Array[], values: V[], gone: (value: V) => boolean): void {
    let kept = 0;
    for (let at = 0; at < values.length; at++) {
      if (gone(values[at]!)) continue;
      keys[kept] = keys[at]!;
      values[kept++] = values[at]!;
    }
    keys.length = values.length = kept;
    this.#size += kept;
    const last = this.#chunks.at(-1);
    // What was thinned out is joined again, else the number of chunks would only grow.
    if (last !== undefined && last.keys.length + kept <= chunkPairsMax >> 1) {
      last.keys.push(...keys);
      last.values.push(...values);
    } else if (kept > 0) this.#chunks.push({ keys, values });
  }

  clear(): void {
    this.#chunks = [];
    this.#size = 0;
    this.#located = undefined;
  }

  /** The table must not change while the result is being read. */
  *range(options: RangeOptions): Generator<readonly [Uint8Array, V]> {
    const { start, end, reverse } = options;
    if (reverse === true) {
      yield* this.#backward(start, end);
      return;
    }
    let chunkAt = start === undefined ? 0 : this.#chunkFor(start);
    let at = start === undefined ? 0 : lowerBound(this.#chunks[chunkAt]?.keys ?? [], start);
    for (; chunkAt < this.#chunks.length; chunkAt++, at = 0) {
      const { keys, values } = this.#chunks[chunkAt]!;
      for (; at < keys.length; at++) {
        if (end !== undefined && compareBytes(keys[at]!, end) >= 0) return;
        yield [keys[at]!, values[at]!];
      }
    }
  }

  *#backward(
    start: Uint8Array | undefined,
    end: Uint8Array | undefined,
  ): Generator<readonly [Uint8Array, V]> {
    let chunkAt = end === undefined ? this.#chunks.length - 1 : this.#chunkFor(end);
    let at = end === undefined ? Infinity : lowerBound(this.#chunks[chunkAt]?.keys ?? [], end) - 1;
    for (; chunkAt >= 0 && chunkAt < this.#chunks.length; chunkAt--, at = Infinity) {
      const { keys, values } = this.#chunks[chunkAt]!;
      for (at = Math.min(at, keys.length - 1); at >= 0; at--) {
        if (start !== undefined && compareBytes(keys[at]!, start) < 0) return;
        yield [keys[at]!, values[at]!];
      }
    }
  }

  /** Sets chunk and place for `key`. @returns whether it is there */
  #locate(key: Uint8Array): boolean {
    if (this.#located === key) return this.#found;
    this.#located = key;
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.keys.length > 0 && compareBytes(last.keys.at(-1)!, key) < 0) {
      // Keys often come in order.
      this.#chunkAt = this.#chunks.length - 1;
      this.#pairAt = last.keys.length;
      this.#found = false;
      return false;
    }
    this.#chunkAt = this.#chunkFor(key);
    const keys = this.#chunks[this.#chunkAt]?.keys ?? [];
    this.#pairAt = lowerBound(keys, key);
    const there = keys[this.#pairAt];
    this.#found = there !== undefined && equalBytes(there, key);
    return this.#found;
  }

  /** The last chunk that begins at or before `key`; the first if none does. */
  #chunkFor(key: Uint8Array): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (compareBytes(this.#chunks[middle]!.keys[0]!, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * The first place whose key is not less. What `key` shares with the keys on both sides, it shares with all
 * between them: only bytes behind that are compared.
 */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  let sharedLow = 0;
  let sharedHigh = 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = keys[middle]!;
    const end = Math.min(other.length, key.length);
    let at = Math.min(sharedLow, sharedHigh);
    while (at < end && other[at] === key[at]) at++;
    const less = at < end ? other[at]! < key[at]! : other.length < key.length;
    if (less) {
      low = middle + 1;
      sharedLow = at;
    } else {
      high = middle;
      sharedHigh = at;
    }
  }
  return low;
}
