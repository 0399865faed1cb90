import { equalBytes } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { BackendReader, Row } from '../../ports/backend.js';
import { boundsBehind, type KeyBounds } from './key-bounds.js';
import type { StateLimits } from './limits.js';
import type { Past } from './past.js';
import { chargeLongKey } from './row-cost.js';
import { decodeHistoryKey, historyPrefix, placeSizeBytes, readPlace, type Place } from './rows.js';

/** What the past of keys is read from. */
export interface PastSource {
  readonly backend: BackendReader;
  readonly past: Past;
  readonly limits: Pick<StateLimits, 'entriesWalkedMax'>;
}

/** A walk over the table `history` from key to key, in either direction. Nothing may be written meanwhile. */
export class HistoryEntries {
  readonly #backend: BackendReader;
  readonly #past: Past;
  readonly #walkedMax: number;
  readonly #reverse: boolean;
  readonly #revision: Revision;
  readonly #work: Work;
  #bounds: KeyBounds;
  #rows: Iterator<Row> | undefined;
  /** The next one. */
  #row: Row | undefined;
  #key: Uint8Array | undefined;

  /** @param revision what is looked for are the first entries behind it */
  constructor(source: PastSource, bounds: KeyBounds, reverse: boolean, revision: Revision, work: Work) {
    this.#backend = source.backend;
    this.#past = source.past;
    this.#walkedMax = source.limits.entriesWalkedMax;
    this.#bounds = bounds;
    this.#reverse = reverse;
    this.#revision = revision;
    this.#work = work;
    this.#open();
  }

  /** Whose entries are next, if only removed ones; undefined: none are left. */
  get key(): Uint8Array | undefined {
    return this.#key;
  }

  /** Goes on behind the entries of `key`. @returns the place of the first of them that is younger than the revision */
  take(): Place | undefined {
    const key = this.#key!;
    const prefix = this.#prefixOf(this.#row!);
    let found: Place | undefined;
    for (let walked = 0; this.#row !== undefined && equalBytes(this.#prefixOf(this.#row), prefix); walked++) {
      if (walked === this.#walkedMax) return this.#jump(key, found);
      const place = readPlace(this.#row.key, this.#row.key.length - placeSizeBytes);
      const counts = this.#row.removed !== true && place.revision > this.#revision;
      if (counts && (this.#reverse || found === undefined)) found = place;
      this.#advance();
    }
    this.#decode();
    return found;
  }

  #prefixOf(row: Row): Uint8Array {
    return row.key.subarray(0, row.key.length - placeSizeBytes);
  }

  /** @param found by walking: forward it is the first one already */
  #jump(key: Uint8Array, found: Place | undefined): Place | undefined {
    this.close();
    this.#bounds = boundsBehind(this.#bounds, key, this.#reverse);
    this.#open();
    if (found !== undefined && !this.#reverse) return found;
    this.#work.charge();
    return this.#past.entryAfter(key, this.#revision);
  }

  #open(): void {
    const { start, end } = this.#bounds;
    const rows = this.#backend.range('history', {
      start: start === undefined ? undefined : historyPrefix(start),
      end: end === undefined ? undefined : historyPrefix(end),
      reverse: this.#reverse,
      valueBytesMax: 0,
      withRemoved: true,
    });
    this.#rows = rows[Symbol.iterator]();
    this.#advance();
    this.#decode();
  }

  #advance(): void {
    const next = this.#rows!.next();
    this.#row = next.done === true ? undefined : next.value;
    this.#work.charge(this.#row?.key.length);
    if (this.#row !== undefined) chargeLongKey(this.#work, this.#row.key);
  }

  #decode(): void {
    this.#key = this.#row === undefined ? undefined : decodeHistoryKey(this.#row.key).key;
  }

  close(): void {
    this.#rows?.return?.();
  }
}
