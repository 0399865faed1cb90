import { assert } from '../../base/assert.js';
import { compareBytes } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { BackendReader } from '../../ports/backend.js';
import type { KeyBounds } from './key-bounds.js';
import type { RevisionLog } from './revision-log.js';
import {
  decodeHistoryKey,
  decodeVersion,
  historyKey,
  historyPrefix,
  type Place,
  type VersionRecord,
} from './rows.js';

export interface Found {
  readonly key: Uint8Array;
  readonly record: VersionRecord;
}

/** One in so many versions of a key has an entry in `history`: the way from an entry to any version is no longer. */
export const versionsPerEntry = 64;

/**
 * Older versions of keys. Each change names the place of the version before it; the chain of a key is entered
 * at its newest version, or at an entry of the table `history`: every 64th version and every tombstone has one.
 * What the revision log no longer has, because it is compacted, and a later change still names, is kept as the
 * value of such an entry.
 */
export class Past {
  readonly #backend: BackendReader;
  readonly #log: RevisionLog;

  constructor(backend: BackendReader, log: RevisionLog) {
    this.#backend = backend;
    this.#log = log;
  }

  /** The version that some change which is not compacted names as the one before it. */
  previous(key: Uint8Array, place: Place): VersionRecord | undefined {
    if (place.revision === 0) return undefined;
    const row = this.#log.find(place)?.row ?? this.#backend.get('history', historyKey(key, place));
    assert(row !== undefined && row.length > 0, 'a version that a change names is kept');
    return decodeVersion(row);
  }

  /** What the key was at `revision`, which is not compacted. */
  at(key: Uint8Array, revision: Revision): VersionRecord | undefined {
    const row = this.#backend.get('current', key);
    const newest = row === undefined ? undefined : decodeVersion(row);
    return this.#versionAt(key, revision, newest);
  }

  /** @param newest the key's newest version; undefined: it is deleted */
  #versionAt(
    key: Uint8Array,
    revision: Revision,
    newest: VersionRecord | undefined,
  ): VersionRecord | undefined {
    if (newest !== undefined && newest.mod.revision <= revision) return newest;
    let place = this.#entryAfter(key, revision) ?? newest?.mod;
    while (place !== undefined && place.revision > revision) {
      const change = this.#log.find(place);
      assert(change !== undefined, 'a change that is not compacted is in the log');
      place = change.previous;
    }
    return place === undefined ? undefined : this.previous(key, place);
  }

  /** Place of the key's first entry younger than `revision`. */
  #entryAfter(key: Uint8Array, revision: Revision): Place | undefined {
    const start = historyKey(key, { revision: revision + 1, sub: 0 });
    const end = historyKey(key, { revision: Number.MAX_SAFE_INTEGER, sub: 0 });
    for (const row of this.#backend.range('history', { start, end })) return decodeHistoryKey(row.key).place;
    return undefined;
  }

  /** The keys that lived at `revision`, in key order, with what they were then. */
  *keysAt(bounds: KeyBounds, revision: Revision, reverse: boolean): Generator<Found> {
    for (const { key, newest } of this.#candidates(bounds, reverse)) {
      const record = this.#versionAt(key, revision, newest);
      if (record !== undefined) yield { key, record };
    }
  }

  /** All keys that live now or have an entry, each once. */
  *#candidates(
    bounds: KeyBounds,
    reverse: boolean,
  ): Generator<{ readonly key: Uint8Array; readonly newest: VersionRecord | undefined }> {
    const direction = reverse ? -1 : 1;
    const withEntries = this.#keysWithEntries(bounds, reverse);
    try {
      let entry = withEntries.next();
      for (const { key, value } of this.#backend.range('current', { ...bounds, reverse })) {
        while (entry.done !== true) {
          const order = direction * compareBytes(entry.value, key);
          if (order > 0) break;
          if (order < 0) yield { key: entry.value, newest: undefined };
          entry = withEntries.next();
        }
        yield { key, newest: decodeVersion(value) };
      }
      for (; entry.done !== true; entry = withEntries.next()) yield { key: entry.value, newest: undefined };
    } finally {
      withEntries.return(undefined);
    }
  }

  *#keysWithEntries(bounds: KeyBounds, reverse: boolean): Generator<Uint8Array, undefined> {
    const range = {
      start: bounds.start === undefined ? undefined : historyPrefix(bounds.start),
      end: bounds.end === undefined ? undefined : historyPrefix(bounds.end),
      reverse,
    };
    let last: Uint8Array | undefined;
    for (const row of this.#backend.range('history', range)) {
      const { key } = decodeHistoryKey(row.key);
      if (last === undefined || compareBytes(last, key) !== 0) yield key;
      last = key;
    }
    return undefined;
  }
}
