import { assert } from '../base/assert.js';
import { emptyBytes } from '../base/bytes.js';
import { TermRuns } from '../base/term-runs.js';
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

/** What an entry costs besides its data at most, in memory and on disk, where it may be written alone. */
const keptOverheadSizeBytes = 256;

export function keptSizeBytes(entry: Entry): number {
  return keptOverheadSizeBytes + entry.data.length;
}

/** Of `entries`, those in [start, limit), cut off before they exceed `sizeBytesMax`; at least one if there is one. */
export function firstEntries(
  entries: readonly Entry[],
  start: number,
  limit: number,
  sizeBytesMax: number,
): Entry[] {
  let end = start;
  let sizeBytes = 0;
  while (end < limit) {
    sizeBytes += entrySizeBytes(entries[end]!);
    if (sizeBytes > sizeBytesMax && end > start) break;
    end++;
  }
  return entries.slice(start, end);
}

/** Stands where an entry was let go: until the array is cut it would keep its data alive. */
const letGo: Entry = { index: 0, term: 0, type: 'empty', data: emptyBytes };

/**
 * The log since its compaction point: the terms of all its entries, and the newest entries themselves; older ones are only
 * on disk. Knows nothing of what else is on disk or committed.
 * Invariant: entry i > released stands at array slot `head + i - released - 1`; terms never fall along the log.
 */
export class RaftLog {
  readonly #terms: TermRuns;
  #entries: Entry[];
  /** Slots before it are let go but not yet given back to the array. */
  #head = 0;
  /** Up to here entries are not in memory. */
  #released: Index;
  #sizeBytes = 0;

  /**
   * @param offset index of the last entry before the log, `offsetTerm` its term; (0, 0) for a new log
   * @param entries the newest, or all
   * @param terms of the whole log, where `entries` are not all of it; it is taken over
   */
  constructor(offset: Index, offsetTerm: Term, entries: readonly Entry[], terms?: TermRuns) {
    this.#entries = [];
    if (terms === undefined) {
      this.#terms = new TermRuns(offset, offsetTerm);
      this.#released = offset;
      for (const entry of entries) this.append(entry);
      return;
    }
    assert(terms.offset === offset && terms.offsetTerm === offsetTerm, 'the terms begin where the log does');
    this.#terms = terms;
    this.#released = terms.lastIndex - entries.length;
    assert(this.#released >= offset, 'there are no more entries than terms');
    for (const [at, entry] of entries.entries()) {
      assert(entry.index === this.#released + 1 + at, `entry ${entry.index} stands in its place`);
      assert(entry.term === terms.term(entry.index), `entry ${entry.index} is of its term`);
      this.#push(entry);
    }
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#sizeBytes += keptSizeBytes(entry);
  }

  /** The last index that is compacted away; its term is still known. */
  get offset(): Index {
    return this.#terms.offset;
  }

  get firstIndex(): Index {
    return this.#terms.offset + 1;
  }

  get lastIndex(): Index {
    return this.#terms.lastIndex;
  }

  get lastTerm(): Term {
    return this.#terms.lastTerm;
  }

  /** Undefined before `offset` and behind the end. */
  term(index: Index): Term | undefined {
    return this.#terms.term(index);
  }

  matches(index: Index, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Of the entries in memory, as of keptSizeBytes(). */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether the entry is in memory, or yet to come. */
  holds(index: Index): boolean {
    return index > this.#released;
  }

  entry(index: Index): Entry {
    assert(index > this.#released && index <= this.lastIndex, `entry ${index} is not in memory`);
    return this.#entries[this.#slot(index)]!;
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, `entry ${entry.index} does not follow ${this.lastIndex}`);
    this.#terms.append(entry.term);
    this.#push(entry);
  }

  /** Drops the entries at and behind `index`. */
  truncateFrom(index: Index): void {
    assert(index > this.#released, `cannot truncate from ${index}, let go up to ${this.#released}`);
    this.#terms.truncateFrom(index);
    const gone = this.#entries.splice(Math.min(this.#entries.length, this.#slot(index)));
    for (const entry of gone) this.#sizeBytes -= keptSizeBytes(entry);
  }

  /** Entries `from` to `through` inclusive, which are in memory, as of firstEntries. */
  slice(from: Index, through: Index, sizeBytesMax: number): Entry[] {
    if (from > through) return [];
    assert(
      from > this.#released && through <= this.lastIndex,
      `entries ${from}-${through} are not in memory`,
    );
    return firstEntries(this.#entries, this.#slot(from), this.#slot(through) + 1, sizeBytesMax);
  }

  /**
   * The largest index at or before `index` whose term is at most `term`: where a log with `term` at `index`
   * could still match this one. Terms never fall, so halving finds it. The offset if nothing behind it fits.
   */
  lastIndexUpToTerm(index: Index, term: Term): Index {
    let low = this.offset;
    let high = Math.min(index, this.lastIndex);
    if (high <= low) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.term(middle)! <= term) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Forgets the entries up to `index`. */
  compact(index: Index): void {
    if (index <= this.offset) return;
    this.#terms.compact(index);
    this.release(index);
  }

  /**
   * Lets the entries up to `index` go from memory; they stay in the log. The array is cut only when half of it is void:
   * amortised O(1).
   */
  release(index: Index): void {
    if (index <= this.#released) return;
    assert(index <= this.lastIndex, `cannot let go up to ${index}, the log ends at ${this.lastIndex}`);
    const head = this.#head + index - this.#released;
    for (let slot = this.#head; slot < head; slot++) this.#sizeBytes -= keptSizeBytes(this.#entries[slot]!);
    if (head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(head);
      this.#head = 0;
    } else {
      this.#entries.fill(letGo, this.#head, head);
      this.#head = head;
    }
    this.#released = index;
  }

  /** An empty log behind a snapshot. */
  reset(offset: Index, offsetTerm: Term): void {
    this.#terms.reset(offset, offsetTerm);
    this.#entries = [];
    this.#sizeBytes = 0;
    this.#head = 0;
    this.#released = offset;
  }

  #slot(index: Index): number {
    return this.#head + index - this.#released - 1;
  }
}
