import type { KeyValue } from '../command.js';
import type { RangeQuery } from '../range.js';
import { toKeyValue, type VersionRecord } from './rows.js';

/** What a range's answer is made of, as it grows. */
export class GatheredPairs {
  readonly #query: RangeQuery;
  readonly #items: KeyValue[] = [];
  /** So many of the items are copies. */
  #kept = 0;
  #sizeBytes = 0;
  #count = 0;
  #full = false;

  constructor(query: RangeQuery) {
    this.#query = query;
  }

  get items(): readonly KeyValue[] {
    return this.#items;
  }

  /** Pairs that were there, whether or not they are among the items. */
  get count(): number {
    return this.#count;
  }

  /** Keys and values. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** There is more than fits: what comes is only counted. */
  get full(): boolean {
    return this.#full;
  }

  get wantsValues(): boolean {
    const { keysOnly, countOnly } = this.#query;
    return keysOnly !== true && countOnly !== true && !this.#full;
  }

  /** @returns whether it ends the page, and is not part of it */
  add(key: Uint8Array, record: VersionRecord): boolean {
    const { countOnly, pageOnly } = this.#query;
    if (countOnly !== true && !this.#full) {
      const pair = toKeyValue(key, record, this.#query.keysOnly === true);
      const sizeBytes = this.#sizeBytes + pair.key.length + pair.value.length;
      this.#full = this.#isFull(sizeBytes);
      if (!this.#full) {
        this.#items.push(pair);
        this.#sizeBytes = sizeBytes;
      } else if (pageOnly === true) return true;
    }
    this.#count++;
    return false;
  }

  #isFull(sizeBytes: number): boolean {
    const { limit, sizeBytesMax = Infinity } = this.#query;
    if (limit > 0 && this.#items.length >= limit) return true;
    return this.#items.length > 0 && sizeBytes > sizeBytesMax;
  }

  /** Bytes that the backend gave are good until the next write or turn: the read goes on behind it. */
  keep(): void {
    for (; this.#kept < this.#items.length; this.#kept++) {
      const item = this.#items[this.#kept]!;
      this.#items[this.#kept] = { ...item, key: item.key.slice(), value: item.value.slice() };
    }
  }
}
