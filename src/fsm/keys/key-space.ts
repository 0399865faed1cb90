import { assert } from '../../base/assert.js';
import { zeroByte } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import type { KeyValue } from '../command.js';
import { isKeyRange, type KeyRangeQuery, type RangeAnswer, type RangeQuery } from '../range.js';
import { Compaction } from './compaction.js';
import { stateDefaults, type StateLimits } from './limits.js';
import { Past } from './past.js';
import { PinnedRevisions } from './pinned-revisions.js';
import { checkRevision, RangeRead, type ReadSource } from './range-read.js';
import { RevisionLog } from './revision-log.js';
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
  readonly #pins: PinnedRevisions;
  readonly #source: ReadSource;
  #generation = 0;
  #revision: Revision = firstRevision;
  #storedRevision: Revision = 0;
  #writing: WriteTxn | undefined;

  constructor(backend: Backend, limits: StateLimits = stateDefaults) {
    this.#backend = backend;
    this.#log = new RevisionLog(backend, limits);
    this.#past = new Past(backend, this.#log);
    this.#pins = new PinnedRevisions(limits.pinnedRevisionsMax);
    this.#compaction = new Compaction(backend, this.#log);
    this.#source = { backend, log: this.#log, past: this.#past, pins: this.#pins, limits, state: this };
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
    this.#generation++;
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
  get unsettled(): boolean {
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

  /** Changes that were written since the start. */
  get changesWritten(): number {
    return this.#log.appended;
  }

  /**
   * A slice of removing what was compacted: in the background, for nothing that can be read depends on it.
   * @returns how many changes it has looked at
   */
  compactSlice(work: Work): number {
    return this.#compaction.step(work, this.#pins.oldest ?? Infinity);
  }

  /** @returns an error code if the revision cannot be compacted to */
  compact(revision: Revision): 'REVISION_COMPACTED' | 'REVISION_IN_FUTURE' | undefined {
    if (revision > this.#revision) return 'REVISION_IN_FUTURE';
    // On a fresh store 0 and 1 succeed, as in etcd.
    if (revision <= this.#compaction.revision) return 'REVISION_COMPACTED';
    this.#compaction.begin(revision, this.#revision);
    return undefined;
  }

  /**
   * A read of a range, done step by step.
   * @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE
   */
  read(query: KeyRangeQuery): RangeRead {
    return new RangeRead(this.#source, query);
  }

  /**
   * The whole answer at once: for a single key, and for checks.
   * @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE
   */
  range(query: RangeQuery): RangeAnswer {
    if (!isKeyRange(query)) return this.#single(query);
    const answer = this.read(query).step(Work.unbounded());
    assert(answer !== undefined, 'a step without a bound goes to the end');
    return answer;
  }

  /** What a read that goes on, or will, still sees is kept: see `oldestPinned`. @returns ends that */
  pin(revision: Revision): () => void {
    return this.#pins.pin(revision);
  }

  /** What is seen from here on is being read. */
  get oldestPinned(): Revision | undefined {
    return this.#pins.oldest;
  }

  /** Another one once the whole content was replaced. */
  get generation(): number {
    return this.#generation;
  }

  #single(query: RangeQuery): RangeAnswer {
    checkRevision(query.revision, this);
    const revision = query.revision === 0 ? this.#revision : query.revision;
    const past = this.unsettled || revision < this.#revision;
    const record = past ? this.#past.at(query.key, revision) : this.#current(query.key);
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
  *live(): Generator<KeyValue> {
    if (this.unsettled) {
      yield* this.range({ key: zeroByte, end: zeroByte, revision: 0, limit: 0 }).items;
      return;
    }
    for (const { key, value } of this.#backend.range('current', {})) {
      yield toKeyValue(key, decodeVersion(value), false);
    }
  }
}
