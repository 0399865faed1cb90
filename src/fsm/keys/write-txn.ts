import type { LeaseId, Revision } from '../../base/ids.js';
import type { Backend } from '../../ports/backend.js';
import type { KeyValue } from '../command.js';
import type { RevisionLog } from './revision-log.js';
import {
  decodeLineage,
  decodeVersion,
  historyKey,
  toKeyValue,
  type Place,
  type VersionRecord,
} from './rows.js';

const noBytes = new Uint8Array(0);
const nowhere: Place = { revision: 0, sub: 0 };

/** Changes that share one revision and see each other. Checks come before: a change cannot be taken back. */
export class WriteTxn {
  readonly #backend: Backend;
  readonly #log: RevisionLog;
  readonly #compactRevision: Revision;
  /** What the changes get. */
  readonly revision: Revision;
  #sub: number;

  /** @param sub changes that were made already */
  constructor(backend: Backend, log: RevisionLog, compactRevision: Revision, revision: Revision, sub = 0) {
    this.#sub = sub;
    this.#backend = backend;
    this.#log = log;
    this.#compactRevision = compactRevision;
    this.revision = revision;
  }

  /** How many changes were made. */
  get sub(): number {
    return this.#sub;
  }

  get changed(): boolean {
    return this.#sub > 0;
  }

  get(key: Uint8Array): KeyValue | undefined {
    const row = this.#backend.get('current', key);
    return row === undefined ? undefined : toKeyValue(key, decodeVersion(row), false);
  }

  /** @returns the pair as it was before, if there was one and `previous` asks for it */
  put(key: Uint8Array, value: Uint8Array, lease: LeaseId, previous: boolean): KeyValue | undefined {
    const row = this.#backend.get('current', key);
    const before = row === undefined ? undefined : decodeLineage(row);
    const record: VersionRecord = {
      deleted: false,
      createRevision: before?.createRevision ?? this.revision,
      mod: { revision: this.revision, sub: this.#sub },
      version: (before?.version ?? 0) + 1,
      lease,
      value,
    };
    const answer = row === undefined || !previous ? undefined : toKeyValue(key, decodeVersion(row), false);
    const newRow = this.#record(key, record, before?.mod ?? nowhere, row);
    this.#backend.put('current', key, newRow);
    if (record.version % this.#log.versionsPerEntry === 0) {
      this.#backend.put('history', historyKey(key, record.mod), noBytes);
    }
    return answer;
  }

  /** @returns the pair that was deleted; undefined if there was none, and nothing is changed then */
  delete(key: Uint8Array): KeyValue | undefined {
    const row = this.#backend.get('current', key);
    if (row === undefined) return undefined;
    const before = decodeVersion(row);
    const tombstone: VersionRecord = {
      deleted: true,
      createRevision: 0,
      mod: { revision: this.revision, sub: this.#sub },
      version: 0,
      lease: 0n,
      value: noBytes,
    };
    this.#record(key, tombstone, before.mod, row);
    this.#backend.delete('current', key);
    this.#backend.put('history', historyKey(key, tombstone.mod), noBytes);
    return toKeyValue(key, before, false);
  }

  /** @param row the key's version until now, at `previous`, if there is one */
  #record(key: Uint8Array, record: VersionRecord, previous: Place, row: Uint8Array | undefined): Uint8Array {
    this.#sub++;
    // The compaction removes it from the log, or has done so: nobody needed it there while it was the newest.
    const kept = previous.revision < this.#compactRevision ? row?.slice() : undefined;
    const newRow = this.#log.append({ key, record, previous });
    if (kept !== undefined) {
      this.#backend.put('history', historyKey(key, previous), kept);
    }
    return newRow;
  }
}
