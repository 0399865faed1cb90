import type { Entry, Index } from '../raft/types.js';
import type { MemberOptions } from './options.js';

/** So many times the size that is kept may be kept for followers that catch up behind a snapshot. */
const catchUpFactor = 4;

/** Tells how much of the log may be forgotten: keeps the newest entries up to a count and a size. */
export class LogRetention {
  readonly #entriesKept: number;
  readonly #sizeBytesKept: number;
  readonly #markSizeBytes: number;
  /** Ascending: up to and with `index`, `totalBytes` were appended since the start. */
  #marks: { readonly index: Index; readonly totalBytes: number }[] = [];
  #totalBytes = 0;

  constructor(options: Pick<MemberOptions, 'logEntriesKept' | 'logSizeBytesKept' | 'logMarkSizeBytes'>) {
    this.#entriesKept = options.logEntriesKept;
    this.#sizeBytesKept = options.logSizeBytesKept;
    this.#markSizeBytes = options.logMarkSizeBytes;
  }

  appended(entry: Entry): void {
    while (this.#marks.length > 0 && this.#marks.at(-1)!.index >= entry.index) this.#marks.pop();
    this.#totalBytes += entry.data.length;
    const last = this.#marks.at(-1)?.totalBytes ?? 0;
    if (this.#totalBytes - last >= this.#markSizeBytes) {
      this.#marks.push({ index: entry.index, totalBytes: this.#totalBytes });
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

  /** The newest index that is not kept even for a follower that was brought a snapshot and catches up too slowly. */
  overdue(appliedIndex: Index): Index {
    return this.#beyond(catchUpFactor * this.#sizeBytesKept, appliedIndex);
  }

  /** The newest index, at most `appliedIndex`, behind which `sizeBytes` were appended. */
  #beyond(sizeBytes: number, appliedIndex: Index): Index {
    let index = 0;
    for (const mark of this.#marks) {
      if (mark.index > appliedIndex || this.#totalBytes - mark.totalBytes < sizeBytes) break;
      index = mark.index;
    }
    return index;
  }

  /** Entries up to and with `index` are gone. */
  forgotten(index: Index): void {
    let count = 0;
    while (count < this.#marks.length && this.#marks[count]!.index <= index) count++;
    this.#marks = this.#marks.slice(count);
  }
}
