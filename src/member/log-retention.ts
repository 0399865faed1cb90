import { keptSizeBytes } from '../raft/log.js';
import type { Entry, Index } from '../raft/types.js';
import type { MemberOptions } from './options.js';

/** So many times the size that is kept may be written until followers have caught up behind a snapshot. */
const catchUpFactor = 4;

type RetentionOptions = Pick<
  MemberOptions,
  'logEntriesKept' | 'logSizeBytesKept' | 'logSizeBytesMax' | 'logMemorySizeBytes' | 'logMarkSizeBytes'
>;

/** Tells how much of the log may be forgotten, and let go from memory: the newest entries stay, up to a count and a size. */
export class LogRetention {
  readonly #entriesKept: number;
  readonly #sizeBytesKept: number;
  readonly #sizeBytesMax: number;
  readonly #memorySizeBytes: number;
  readonly #markSizeBytes: number;
  /** Ascending: up to and with `index`, `totalBytes` were appended since the start. */
  #marks: { readonly index: Index; readonly totalBytes: number }[] = [];
  #totalBytes = 0;
  /** Of them, those that are gone. */
  #forgottenBytes = 0;

  /** @param recovered what a start found in the log: up to and with each index, so many bytes more */
  constructor(
    options: RetentionOptions,
    recovered: Iterable<{ readonly index: Index; readonly sizeBytes: number }>,
  ) {
    this.#entriesKept = options.logEntriesKept;
    this.#sizeBytesKept = options.logSizeBytesKept;
    this.#sizeBytesMax = options.logSizeBytesMax;
    this.#memorySizeBytes = options.logMemorySizeBytes;
    this.#markSizeBytes = options.logMarkSizeBytes;
    for (const { index, sizeBytes } of recovered) this.#grew(index, sizeBytes);
  }

  appended(entry: Entry): void {
    while (this.#marks.length > 0 && this.#marks.at(-1)!.index >= entry.index) this.#marks.pop();
    this.#grew(entry.index, keptSizeBytes(entry));
  }

  #grew(index: Index, sizeBytes: number): void {
    this.#totalBytes += sizeBytes;
    const last = this.#marks.at(-1)?.totalBytes ?? 0;
    if (this.#totalBytes - last >= this.#markSizeBytes) {
      this.#marks.push({ index, totalBytes: this.#totalBytes });
    }
  }

  /**
   * The newest index that need not be kept for followers, at most `appliedIndex`. Asked again and again, the
   * answer moves in steps of a tenth of what is kept, so that cutting is rare.
   */
  forgettable(firstIndex: Index, appliedIndex: Index): Index {
    const slack = Math.max(1, Math.floor(this.#entriesKept / 10));
    const byCount = appliedIndex - this.#entriesKept;
    const bySize = this.#beyond(this.#sizeBytesKept, appliedIndex);
    const index = Math.max(byCount - firstIndex + 1 >= slack ? byCount : 0, bySize);
    return Math.max(index, 0);
  }

  /** Bytes that were appended behind `index`, to the precision of a mark. */
  sizeBytesBehind(index: Index): number {
    const mark = this.#marks.findLast((each) => each.index <= index);
    return this.#totalBytes - (mark?.totalBytes ?? this.#forgottenBytes);
  }

  /** Bytes between `index` and what is kept for everybody: forgettable, were they not kept behind `index`. */
  heldSizeBytes(index: Index, firstIndex: Index, appliedIndex: Index): number {
    const needless = this.forgettable(firstIndex, appliedIndex);
    return needless > index ? this.sizeBytesBehind(index) - this.sizeBytesBehind(needless) : 0;
  }

  /**
   * The newest index that is not kept even for a follower that was brought a snapshot and catches up too slowly.
   * @param lagSizeBytes how far it lay behind when it had been brought it: were that not kept, no snapshot that takes
   * long to bring would be of use
   */
  overdue(appliedIndex: Index, lagSizeBytes: number): Index {
    return this.#beyond(lagSizeBytes + catchUpFactor * this.#sizeBytesKept, appliedIndex);
  }

  /** The newest index that is not kept for anybody, at most `appliedIndex`: the disk has a bound. */
  beyondDisk(appliedIndex: Index): Index {
    return this.#beyond(this.#sizeBytesMax, appliedIndex);
  }

  /** The newest index that need not stay in memory, at most `appliedIndex`. */
  beyondMemory(appliedIndex: Index): Index {
    return this.#beyond(this.#memorySizeBytes, appliedIndex);
  }

  /** The newest index, at most `appliedIndex`, behind which `sizeBytes` were appended. */
  #beyond(sizeBytes: number, appliedIndex: Index): Index {
    let [low, high] = [0, this.#marks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mark = this.#marks[middle]!;
      if (mark.index <= appliedIndex && this.#totalBytes - mark.totalBytes >= sizeBytes) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low - 1]?.index ?? 0;
  }

  /** Entries up to and with `index` are gone. */
  forgotten(index: Index): void {
    let count = 0;
    while (count < this.#marks.length && this.#marks[count]!.index <= index) {
      this.#forgottenBytes = this.#marks[count]!.totalBytes;
      count++;
    }
    this.#marks = this.#marks.slice(count);
  }
}
