import { compareBytes } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { Row } from '../../ports/backend.js';
import { HistoryEntries, type PastSource } from './history-entries.js';
import type { KeyBounds } from './key-bounds.js';
import type { Place } from './rows.js';
import { chargeRow } from './row-cost.js';

/** A key that may have been there at a revision, or that is removed and was not. */
export interface Candidate {
  readonly key: Uint8Array;
  /** Of `current`; undefined: the key is deleted. */
  readonly row: Row | undefined;
  /** Its first entry in `history` that is younger than the revision. */
  readonly entry: Place | undefined;
}

export interface CandidateOptions {
  readonly reverse: boolean;
  /** Undefined: the present, which needs no history. */
  readonly revision: Revision | undefined;
  /** Of each row in `current`; see RangeOptions. */
  readonly valueBytesMax: number;
}

/** All keys that live now or have an entry, each once, in key order: `current` and `history` walked through together. */
export class Candidates {
  readonly #work: Work;
  readonly #direction: 1 | -1;
  readonly #valueBytesMax: number;
  readonly #rows: Iterator<Row>;
  readonly #entries: HistoryEntries | undefined;
  /** The next one of `current`, once it is looked at; null: none is left. */
  #row: Row | null | undefined;

  /** Nothing may be written before close(). */
  constructor(source: PastSource, bounds: KeyBounds, options: CandidateOptions, work: Work) {
    const { reverse, revision, valueBytesMax } = options;
    this.#work = work;
    this.#direction = reverse ? -1 : 1;
    this.#valueBytesMax = valueBytesMax;
    const wanted = valueBytesMax === Infinity ? {} : { valueBytesMax };
    this.#rows = source.backend
      .range('current', { ...bounds, reverse, ...wanted, withRemoved: true })
      [Symbol.iterator]();
    if (revision !== undefined) this.#entries = new HistoryEntries(source, bounds, reverse, revision, work);
  }

  next(): Candidate | undefined {
    const row = this.#peek();
    const entryKey = this.#entries?.key;
    if (entryKey === undefined) {
      if (row === null) return undefined;
      this.#row = undefined;
      return { key: row.key, row: unlessRemoved(row), entry: undefined };
    }
    const order = row === null ? 1 : this.#direction * compareBytes(row.key, entryKey);
    const entry = order < 0 ? undefined : this.#entries!.take();
    if (row === null || order > 0) return { key: entryKey, row: undefined, entry };
    this.#row = undefined;
    return { key: row.key, row: unlessRemoved(row), entry };
  }

  #peek(): Row | null {
    if (this.#row !== undefined) return this.#row;
    const next = this.#rows.next();
    this.#row = next.done === true ? null : next.value;
    if (this.#row === null) this.#work.charge();
    else chargeRow(this.#work, this.#row, this.#valueBytesMax);
    return this.#row;
  }

  close(): void {
    this.#rows.return?.();
    this.#entries?.close();
  }
}

/** Of a key that was removed the entry alone counts. */
function unlessRemoved(row: Row): Row | undefined {
  return row.removed === true ? undefined : row;
}
