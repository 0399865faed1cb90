import { compareBytes, concatBytes } from '../../base/bytes.js';
import type { RangeOptions, Row } from '../../ports/backend.js';

/** The key-value store below: keys of bounded length, in byte order. */
export interface ShortKeyReader {
  get(level: bigint, key: Uint8Array): Uint8Array | undefined;
  range(level: bigint, options: RangeOptions): Iterable<Row>;
  /** Of all rows of a level, in order. */
  keys(level: bigint): Iterable<Uint8Array>;
}

export const topLevel = 0n;
const pointerMark = 0;
const marked = Uint8Array.of(pointerMark);
const behindMarked = Uint8Array.of(pointerMark + 1);

/**
 * Keys of any length over a store that bounds them: a trie of chunks. A key up to `chunkSizeBytes` stands in a
 * level as it is. A longer one lives in a level of its own prefix: the entry `prefix + mark`, one byte longer
 * than any plain key, points to that level, which holds what follows the prefix. The pointer sorts right behind
 * the prefix itself and before every key that differs in the prefix, so levels nest in byte order. Changes:
 * LongKeyChanges.
 */
export class LongKeys {
  readonly #chunkSizeBytes: number;

  constructor(chunkSizeBytes: number) {
    this.#chunkSizeBytes = chunkSizeBytes;
  }

  isPointer(key: Uint8Array): boolean {
    return key.length === this.#chunkSizeBytes + 1;
  }

  /**
   * Walks to the level that holds the end of `key`.
   * @param level reads a pointer, or makes one; undefined ends the walk: there is no such level
   */
  locate(
    key: Uint8Array,
    level: (parent: bigint, pointer: Uint8Array) => bigint | undefined,
  ): { readonly level: bigint; readonly key: Uint8Array } | undefined {
    let at = topLevel;
    let rest = key;
    while (rest.length > this.#chunkSizeBytes) {
      const next = level(at, this.#pointer(rest));
      if (next === undefined) return undefined;
      at = next;
      rest = rest.subarray(this.#chunkSizeBytes);
    }
    return { level: at, key: rest };
  }

  #pointer(key: Uint8Array): Uint8Array {
    return concatBytes([key.subarray(0, this.#chunkSizeBytes), marked]);
  }

  get(reader: ShortKeyReader, key: Uint8Array): Uint8Array | undefined {
    if (key.length <= this.#chunkSizeBytes) return reader.get(topLevel, key);
    const place = this.locate(key, (parent, pointer) => {
      const id = reader.get(parent, pointer);
      return id === undefined ? undefined : decodeLevel(id);
    });
    return place === undefined ? undefined : reader.get(place.level, place.key);
  }

  range(reader: ShortKeyReader, options: RangeOptions): Generator<Row> {
    return this.#scan(reader, topLevel, options, undefined);
  }

  *#scan(
    reader: ShortKeyReader,
    level: bigint,
    options: RangeOptions,
    prefix: Uint8Array | undefined,
  ): Generator<Row> {
    const { start, end } = options;
    const size = this.#chunkSizeBytes;
    const startsInside = start !== undefined && start.length > size;
    const endsInside = end !== undefined && end.length > size;
    const bounds = {
      start: startsInside ? this.#pointer(start) : start,
      end: endsInside ? concatBytes([end.subarray(0, size), behindMarked]) : end,
      reverse: options.reverse === true,
    };
    for (const row of reader.range(level, bounds)) {
      if (!this.isPointer(row.key)) {
        yield prefix === undefined ? row : { ...row, key: concatBytes([prefix, row.key]) };
        continue;
      }
      const chunk = row.key.subarray(0, size);
      const inner = {
        start: startsInside && samePrefix(start, chunk) ? start.subarray(size) : undefined,
        end: endsInside && samePrefix(end, chunk) ? end.subarray(size) : undefined,
        reverse: bounds.reverse,
      };
      const whole = prefix === undefined ? chunk.slice() : concatBytes([prefix, chunk]);
      yield* this.#scan(reader, decodeLevel(row.value), inner, whole);
    }
  }
}

function samePrefix(key: Uint8Array, chunk: Uint8Array): boolean {
  return compareBytes(key.subarray(0, chunk.length), chunk) === 0;
}

export function encodeLevel(level: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, level);
  return bytes;
}

export function decodeLevel(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}
