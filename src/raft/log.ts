import { assert } from '../base/assert.js';
import type { Entry, Index, Term } from './types.js';

/** What an entry counts besides its data, in all limits on bytes. */
export const entryOverheadSizeBytes = 24;

export function entrySizeBytes(entry: Entry): number {
  return entryOverheadSizeBytes + entry.data.length;
}

export function entriesSizeBytes(entries: readonly Entry[]): number {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += entrySizeBytes(entry);
  return sizeBytes;
}

/**
 * The log since its compaction point, in memory. Knows nothing of what is on disk or committed.
 * Invariant: entry i stands at array slot `head + i - firstIndex`; terms never fall along the log.
 */
export class RaftLog {
  #entries: Entry[];
  /** Slots before it are compacted but not yet given back to the array. */
  #head = 0;
  #offset: Index;
  #offsetTerm: Term;

  /** @param offset index of the last entry before the log, `offsetTerm` its term; (0, 0) for a new log */
  constructor(offset: Index, offsetTerm: Term, entries: readonly Entry[]) {
    this.#offset = offset;
    this.#offsetTerm = offsetTerm;
    this.#entries = [];
    for (const entry of entries) this.append(entry);
  }

  /** The last index that is compacted away; its term is still known. */
  get offset(): Index {
    return this.#offset;
  }

  get firstIndex(): Index {
    return this.#offset + 1;
  }

  get lastIndex(): Index {
    return this.#offset + this.#entries.length - this.#head;
  }

  get lastTerm(): Term {
    const last = this.#entries.length - 1;
    return last < this.#head ? this.#offsetTerm : this.#entries[last]!.term;
  }

  /** Undefined before `offset` and behind the end. */
  term(index: Index): Term | undefined {
    if (index === this.#offset) return this.#offsetTerm;
    if (index < this.#offset) return undefined;
    return this.#entries[this.#slot(index)]?.term;
  }

  matches(index: Index, term: Term): boolean {
    return this.term(index) === term;
  }

  entry(index: Index): Entry {
    assert(index > this.#offset && index <= this.lastIndex, `entry ${index} is not in the log`);
    return this.#entries[this.#slot(index)]!;
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, `entry ${entry.index} does not follow ${this.lastIndex}`);
    assert(entry.term >= this.lastTerm, `term ${entry.term} follows term ${this.lastTerm}`);
    this.#entries.push(entry);
  }

  /** Drops the entries at and behind `index`. */
  truncateFrom(index: Index): void {
    assert(index > this.#offset, `cannot truncate from ${index}, compacted up to ${this.#offset}`);
    this.#entries.length = Math.min(this.#entries.length, this.#slot(index));
  }

  /**
   * Entries `from` to `through` inclusive, cut off before they exceed `sizeBytesMax`; at least one if there
   * is one.
   */
  slice(from: Index, through: Index, sizeBytesMax: number): Entry[] {
    if (from > through) return [];
    assert(from > this.#offset && through <= this.lastIndex, `entries ${from}-${through} are not in the log`);
    const start = this.#slot(from);
    const limit = this.#slot(through);
    let end = start + 1;
    let sizeBytes = entrySizeBytes(this.#entries[start]!);
    while (end <= limit) {
      sizeBytes += entrySizeBytes(this.#entries[end]!);
      if (sizeBytes > sizeBytesMax) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  /**
   * The largest index at or before `index` whose term is at most `term`: where a log with `term` at `index`
   * could still match this one. Terms never fall, so halving finds it. The offset if nothing behind it fits.
   */
  lastIndexUpToTerm(index: Index, term: Term): Index {
    let low = this.#offset;
    let high = Math.min(index, this.lastIndex);
    if (high <= low) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.term(middle)! <= term) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Forgets the entries up to `index`. The array is cut only when half of it is void: amortised O(1). */
  compact(index: Index): void {
    if (index <= this.#offset) return;
    const term = this.term(index);
    assert(term !== undefined, `cannot compact up to ${index}, the log ends at ${this.lastIndex}`);
    this.#head += index - this.#offset;
    this.#offset = index;
    this.#offsetTerm = term;
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** An empty log behind a snapshot. */
  reset(offset: Index, offsetTerm: Term): void {
    this.#entries = [];
    this.#head = 0;
    this.#offset = offset;
    this.#offsetTerm = offsetTerm;
  }

  #slot(index: Index): number {
    return this.#head + index - this.#offset - 1;
  }
}
