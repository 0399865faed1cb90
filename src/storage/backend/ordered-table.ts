import { compareBytes } from '../../base/bytes.js';
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

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): V | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    const found = chunk.keys[at];
    return found !== undefined && compareBytes(found, key) === 0 ? chunk.values[at] : undefined;
  }

  /** Keeps `key` and `value` themselves. @returns the value that was there */
  set(key: Uint8Array, value: V): V | undefined {
    if (this.#chunks.length === 0) this.#chunks.push({ keys: [], values: [] });
    const chunkAt = this.#chunkFor(key);
    const chunk = this.#chunks[chunkAt]!;
    const last = chunk.keys.length - 1;
    // Keys often come in order: look at the end first.
    const at = last >= 0 && compareBytes(chunk.keys[last]!, key) < 0 ? last + 1 : lowerBound(chunk.keys, key);
    if (at <= last && compareBytes(chunk.keys[at]!, key) === 0) {
      const before = chunk.values[at];
      chunk.values[at] = value;
      return before;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    this.#size++;
    if (chunk.keys.length > chunkPairsMax) this.#split(chunkAt, at === last + 1);
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
    const chunkAt = this.#chunkFor(key);
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    const found = chunk.keys[at];
    if (found === undefined || compareBytes(found, key) !== 0) return undefined;
    chunk.keys.splice(at, 1);
    const [before] = chunk.values.splice(at, 1);
    this.#size--;
    if (chunk.keys.length === 0) this.#chunks.splice(chunkAt, 1);
    return before;
  }

  clear(): void {
    this.#chunks = [];
    this.#size = 0;
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

/** The first place whose key is not less. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
