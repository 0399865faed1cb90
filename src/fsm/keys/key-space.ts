import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { Backend, BackendReader } from '../../ports/backend.js';
import type { KeyValue } from '../command.js';
import type { RangeAnswer, RangeQuery } from '../range.js';
import { Compaction } from './compaction.js';
import { toBounds, type KeyBounds } from './key-bounds.js';
import { Past, type Found } from './past.js';
import { defaultSizes, RevisionLog, type RevisionLogSizes } from './revision-log.js';
import {
  decodeVersion,
  readUint53,
  toKeyValue,
  writeUint53,
  type Place,
  type VersionRecord,
} from './rows.js';
import { WriteTxn } from './write-txn.js';

/** The empty store; the first write makes revision 2 (as in etcd). */
const firstRevision: Revision = 1;
const revisionKey = Uint8Array.from([114, 101, 118]); // "rev"

/** A change to a key, for watchers and for the hash. */
export interface ChangeEvent {
  readonly place: Place;
  readonly deleted: boolean;
  readonly key: Uint8Array;
  /** What the key became; undefined for a deletion. */
  readonly current: KeyValue | undefined;
  /** What it was; undefined if it was not there. */
  readonly previous: KeyValue | undefined;
}

/**
 * Keys with all their versions since the last compaction (etcd's MVCC model). Reads at the newest revision are
 * one look-up in `current`; `revisions` has every change in order; see DESIGN.md.
 */
export class KeySpace {
  readonly #backend: Backend;
  readonly #log: RevisionLog;
  readonly #past: Past;
  readonly #compaction: Compaction;
  #revision: Revision = firstRevision;
  #storedRevision: Revision = 0;
  #writing: WriteTxn | undefined;

  constructor(backend: Backend, sizes: RevisionLogSizes = defaultSizes) {
    this.#backend = backend;
    this.#log = new RevisionLog(backend, sizes);
    this.#past = new Past(backend, this.#log);
    this.#compaction = new Compaction(backend, this.#log);
    this.reload();
  }

  /** Takes over what the backend holds now. */
  reload(): void {
    const row = this.#backend.get('meta', revisionKey);
    this.#revision = row === undefined ? firstRevision : readUint53(row, 0);
    this.#storedRevision = this.#revision;
    this.#writing = undefined;
    this.#log.reload();
    this.#compaction.reload();
  }

  get revision(): Revision {
    return this.#revision;
  }

  get compactRevision(): Revision {
    return this.#compaction.revision;
  }

  /** All changes of one WriteTxn share one revision, which counts only if something was changed. */
  write<T>(change: (txn: WriteTxn) => T): T {
    const txn = new WriteTxn(this.#backend, this.#log, this.compactRevision, this.#revision + 1);
    const result = change(txn);
    if (txn.changed) this.#revision++;
    return result;
  }

  /**
   * A write that is made in several slices. Until endWrite() the store is read as it was before, although the backend
   * holds a part of the changes.
   * @param sub changes that were made before a restart
   */
  beginWrite(sub = 0): WriteTxn {
    assert(this.#writing === undefined, 'writes are made one after the other');
    this.#writing = new WriteTxn(this.#backend, this.#log, this.compactRevision, this.#revision + 1, sub);
    return this.#writing;
  }

  endWrite(): void {
    if (this.#writing?.changed === true) this.#revision++;
    this.#writing = undefined;
  }

  /** The backend holds changes that nobody may see yet. */
  get #unsettled(): boolean {
    return this.#writing?.changed === true;
  }

  /** Before the backend's commit: what is kept in memory goes with it. */
  save(): void {
    this.#log.save();
    if (this.#storedRevision === this.#revision) return;
    const row = new Uint8Array(8);
    writeUint53(row, 0, this.#revision);
    this.#backend.put('meta', revisionKey, row);
    this.#storedRevision = this.#revision;
  }

  /** Something that was compacted is left to remove. */
  get compactionPending(): boolean {
    return this.#compaction.pending;
  }

  /** A slice of removing what was compacted: in the background, for nothing that can be read depends on it. */
  compactSlice(work: Work): void {
    this.#compaction.step(work, Infinity);
  }

  /** @returns an error code if the revision cannot be compacted to */
  compact(revision: Revision): 'REVISION_COMPACTED' | 'REVISION_IN_FUTURE' | undefined {
    if (revision > this.#revision) return 'REVISION_IN_FUTURE';
    // On a fresh store 0 and 1 succeed, as in etcd.
    if (revision <= this.#compaction.revision) return 'REVISION_COMPACTED';
    this.#compaction.begin(revision, this.#revision);
    return undefined;
  }

  /** @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE */
  range(query: RangeQuery): RangeAnswer {
    const past = this.#unsettled || (query.revision > 0 && query.revision < this.#revision);
    const revision = query.revision === 0 ? this.#revision : query.revision;
    if (query.revision > this.#revision) {
      throw new KvorumError(
        'REVISION_IN_FUTURE',
        `revision ${query.revision} is in the future, the store is at ${this.#revision}`,
      );
    }
    if (query.revision > 0 && query.revision < this.compactRevision) {
      throw new KvorumError(
        'REVISION_COMPACTED',
        `revision ${query.revision} is compacted, the oldest left is ${this.compactRevision}`,
      );
    }
    if (query.end === undefined) return this.#single(query, past ? revision : undefined);
    const bounds = toBounds(query.key, query.end);
    const found = past
      ? this.#past.keysAt(bounds, revision, query.reverse === true)
      : currentKeys(this.#backend, bounds, query.reverse === true);
    return this.#collect(query, found);
  }

  #single(query: RangeQuery, past: Revision | undefined): RangeAnswer {
    const record = past === undefined ? this.#current(query.key) : this.#past.at(query.key, past);
    const items =
      record === undefined || query.countOnly === true
        ? []
        : [toKeyValue(query.key, record, query.keysOnly === true)];
    return { items, count: record === undefined ? 0 : 1, more: false, revision: this.#revision };
  }

  #current(key: Uint8Array): VersionRecord | undefined {
    const row = this.#backend.get('current', key);
    return row === undefined ? undefined : decodeVersion(row);
  }

  #collect(query: RangeQuery, found: Iterable<Found>): RangeAnswer {
    const items: KeyValue[] = [];
    const keysOnly = query.keysOnly === true;
    let count = 0;
    let sizeBytes = 0;
    let more = false;
    for (const { key, record } of found) {
      if (query.countOnly !== true && !more) {
        sizeBytes += key.length + (keysOnly ? 0 : record.value.length);
        const tooMany = query.limit > 0 && items.length >= query.limit;
        const tooLarge = items.length > 0 && sizeBytes > (query.sizeBytesMax ?? Infinity);
        more = tooMany || tooLarge;
        if (more && query.pageOnly === true) break;
        if (!more) items.push(toKeyValue(key, record, keysOnly));
      }
      count++;
    }
    return { items, count, more, revision: this.#revision };
  }

  /**
   * Changes from `revision` on, in order; none is left out that is newer than the compacted revision.
   * @throws KvorumError REVISION_COMPACTED
   */
  *changesSince(revision: Revision): Generator<ChangeEvent> {
    if (revision < this.compactRevision) {
      throw new KvorumError('REVISION_COMPACTED', `revision ${revision} is compacted`);
    }
    for (const { key, place, row, previous } of this.#log.since({ revision, sub: 0 })) {
      if (place.revision > this.#revision) return;
      const record = decodeVersion(row);
      const before = this.#past.previous(key, previous);
      yield {
        place,
        deleted: record.deleted,
        key,
        current: record.deleted ? undefined : toKeyValue(key, record, false),
        previous: before === undefined ? undefined : toKeyValue(key, before, false),
      };
    }
  }

  /** Every live key with its newest version, in key order. */
  live(): Iterable<Found> {
    const all = { start: undefined, end: undefined };
    return this.#unsettled
      ? this.#past.keysAt(all, this.#revision, false)
      : currentKeys(this.#backend, all, false);
  }
}

function* currentKeys(backend: BackendReader, bounds: KeyBounds, reverse: boolean): Generator<Found> {
  for (const row of backend.range('current', { ...bounds, reverse })) {
    yield { key: row.key, record: decodeVersion(row.value) };
  }
}
