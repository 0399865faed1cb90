import { isBeforeAt, isSamePlace, readPlace, type Place } from './rows.js';
import { changeAt, changeEnd, changePlaceAt, type Change } from './segment.js';

/** Where the changes of one segment begin, so that one of them is found by halving. */
export class SegmentIndex {
  readonly #starts: number[] = [];
  #end = 0;

  /** Takes up what was added to the segment. */
  extend(segment: Uint8Array): void {
    while (this.#end < segment.length) {
      this.#starts.push(this.#end);
      this.#end = changeEnd(segment, this.#end);
    }
  }

  find(segment: Uint8Array, place: Place): Change | undefined {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBeforeAt(segment, changePlaceAt(segment, starts[middle]!), place)) low = middle + 1;
      else high = middle;
    }
    const at = starts[low];
    if (at === undefined) return undefined;
    const found = readPlace(segment, changePlaceAt(segment, at));
    return isSamePlace(found, place) ? changeAt(segment, at, found) : undefined;
  }

  /** Place of the last change. */
  last(segment: Uint8Array): Place {
    return readPlace(segment, changePlaceAt(segment, this.#starts.at(-1)!));
  }
}
