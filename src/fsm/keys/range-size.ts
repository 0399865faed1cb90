import type { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import type { KeyBounds } from './key-bounds.js';

/** Sums up the keys and values of a range in slices, as far as a limit. Nothing is written meanwhile. */
export class RangeSize {
  readonly #backend: Backend;
  readonly #end: Uint8Array | undefined;
  #next: Uint8Array | undefined;
  #sizeBytes = 0;

  constructor(backend: Backend, { start, end }: KeyBounds) {
    this.#backend = backend;
    this.#next = start;
    this.#end = end;
  }

  /** @returns the size, or one beyond the limit; undefined: the slice is over */
  step(sizeBytesMax: number, work: Work): number | undefined {
    let first = true;
    const options = { start: this.#next, end: this.#end, removedToo: true };
    for (const { key, value, removed } of this.#backend.range('current', options)) {
      if (this.#sizeBytes > sizeBytesMax) break;
      if (work.spent && !first) {
        this.#next = key.slice();
        return undefined;
      }
      first = false;
      work.charge(value.length);
      if (removed === true) continue;
      this.#sizeBytes += key.length + value.length;
    }
    return this.#sizeBytes;
  }
}
