import type { Index } from '../../base/ids.js';
import type { LogFormat } from './format.js';

/** What is read at once for a follower, about; an extent of one large entry is larger. */
export const extentSizeBytesMax = 512 * 1024;
/** They are decoded in one turn. */
export const extentEntriesMax = 1000;

/** Entries that follow each other in one segment, and where they stand there. */
export interface Extent {
  readonly sequence: number;
  readonly format: LogFormat;
  readonly position: number;
  /** Of the record before. */
  readonly previousCrc: number;
  readonly firstIndex: Index;
  /** Its records may hold more: later ones have replaced them. */
  lastIndex: Index;
  end: number;
}

/** Where a record stands. */
export type RecordPlace = Pick<Extent, 'sequence' | 'format' | 'position' | 'previousCrc' | 'end'>;

/** Where on disk the entries of the log are; one line for many of them, however small. */
export class LogExtents {
  #extents: Extent[] = [];

  get all(): readonly Extent[] {
    return this.#extents;
  }

  /** The record of the next entry, or of one that replaces it and all behind. */
  add(index: Index, place: RecordPlace): void {
    const last = this.#extents.at(-1);
    if (last !== undefined && index <= last.lastIndex) this.truncateFrom(index);
    else if (last !== undefined && goesOn(last, index, place)) {
      last.lastIndex = index;
      last.end = place.end;
      return;
    }
    this.#extents.push({ ...place, firstIndex: index, lastIndex: index });
  }

  /** Entries at and behind `index` are no more. */
  truncateFrom(index: Index): void {
    while (this.#extents.length > 0 && this.#extents.at(-1)!.firstIndex >= index) this.#extents.pop();
    const last = this.#extents.at(-1);
    if (last !== undefined) last.lastIndex = Math.min(last.lastIndex, index - 1);
  }

  /** Segments before `sequence` are no more. */
  forgetBefore(sequence: number): void {
    const at = this.#extents.findIndex((each) => each.sequence >= sequence);
    this.#extents = at < 0 ? [] : this.#extents.slice(at);
  }

  clear(): void {
    this.#extents = [];
  }

  /** Undefined: no segment holds the entry. */
  find(index: Index): Extent | undefined {
    let [low, high] = [0, this.#extents.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#extents[middle]!.lastIndex < index) low = middle + 1;
      else high = middle;
    }
    const found = this.#extents[low];
    return found !== undefined && found.firstIndex <= index ? found : undefined;
  }
}

/** Records of the hard state may stand between; behind entries that were replaced another one begins. */
function goesOn(last: Extent, index: Index, place: RecordPlace): boolean {
  return (
    index === last.lastIndex + 1 &&
    place.sequence === last.sequence &&
    index - last.firstIndex < extentEntriesMax &&
    place.end - last.position <= extentSizeBytesMax
  );
}
