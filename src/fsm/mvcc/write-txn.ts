import type { LeaseId, Revision } from '../../base/ids.js';
import type { Backend } from '../../ports/backend.js';
import type { KeyValue } from '../command.js';
import {
  decodeLineage,
  decodeVersion,
  encodeChange,
  encodeVersion,
  historyKey,
  placeKey,
  toKeyValue,
  type Lineage,
  type VersionRecord,
} from './rows.js';

const noValue = new Uint8Array(0);

/** Changes that share one revision and see each other. Checks come before: a change cannot be taken back. */
export class WriteTxn {
  readonly #backend: Backend;
  /** What the changes get. */
  readonly revision: Revision;
  #sub = 0;

  constructor(backend: Backend, revision: Revision) {
    this.#backend = backend;
    this.revision = revision;
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
    this.#record(key, record, before, row);
    this.#backend.put('current', key, encodeVersion(record));
    return row === undefined || !previous ? undefined : toKeyValue(key, decodeVersion(row), false);
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
      value: noValue,
    };
    this.#backend.put('history', historyKey(key, tombstone.mod), encodeVersion(tombstone));
    this.#record(key, tombstone, before, row);
    this.#backend.delete('current', key);
    return toKeyValue(key, before, false);
  }

  /** @param end exclusive; a single zero byte: to the end of the key space */
  deleteRange(key: Uint8Array, end: Uint8Array): KeyValue[] {
    const toEnd = end.length === 1 && end[0] === 0;
    // All keys first: the backend must not change while it is being read.
    const keys = [...this.#backend.range('current', { start: key, end: toEnd ? undefined : end })].map(
      (row) => row.key,
    );
    return keys.flatMap((each) => this.delete(each) ?? []);
  }

  #record(
    key: Uint8Array,
    record: VersionRecord,
    before: Lineage | undefined,
    row: Uint8Array | undefined,
  ): void {
    const previous = before?.mod ?? { revision: 0, sub: 0 };
    if (row !== undefined) this.#backend.put('history', historyKey(key, previous), row);
    const change = encodeChange({ deleted: record.deleted, previous, key });
    this.#backend.put('revisions', placeKey(record.mod), change);
    this.#sub++;
  }
}
