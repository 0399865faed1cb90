import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import { Work } from '../../base/work.js';
import type { BackendReader } from '../../ports/backend.js';
import type { RevisionLog } from './revision-log.js';
import {
  decodeHistoryKey,
  decodeVersion,
  historyKey,
  type Lineage,
  type Place,
  type VersionRecord,
} from './rows.js';
import { changeHeadSizeBytes, linkSizeBytes } from './segment.js';

/**
 * Older versions of keys. Each change names the place of the version before it; the chain of a key is entered
 * at its newest version, or at an entry of the table `history`: every 64th version (StateLimits) and every tombstone has one.
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
    const record = this.version(key, place, true, Work.unbounded());
    assert(record !== undefined, 'a version that a change names is kept');
    return record;
  }

  /** What the key was at `revision`, which is not compacted. */
  at(key: Uint8Array, revision: Revision): VersionRecord | undefined {
    const row = this.#backend.get('current', key);
    const newest = row === undefined ? undefined : decodeVersion(row);
    if (newest !== undefined && newest.mod.revision <= revision) return newest;
    const entrance = chainEntrance(newest, this.entryAfter(key, revision), revision);
    if (entrance === undefined) return undefined;
    const place = this.follow(entrance, revision, Work.unbounded());
    assert(place !== undefined, 'a change that is not compacted is in the log');
    return this.previous(key, place);
  }

  /** Place of the key's first entry younger than `revision`. */
  entryAfter(key: Uint8Array, revision: Revision): Place | undefined {
    const start = historyKey(key, { revision: revision + 1, sub: 0 });
    const end = historyKey(key, { revision: Number.MAX_SAFE_INTEGER, sub: 0 });
    for (const row of this.#backend.range('history', { start, end, valueBytesMax: 0 })) {
      return decodeHistoryKey(row.key).place;
    }
    return undefined;
  }

  /**
   * From the change at `place` along the chain to the version that was there at `revision`.
   * @returns its place, with revision 0 if there was none; where it has come to, if the work is spent before;
   * undefined: a change on the way was removed
   */
  follow(place: Place, revision: Revision, work: Work): Place | undefined {
    let at = place;
    while (at.revision > revision && !work.spent) {
      const change = this.#log.find(at, linkSizeBytes, work);
      if (change === undefined) return undefined;
      at = change.previous;
    }
    return at;
  }

  /**
   * The version at `place`, if there is one.
   * @param whole false: its value may be cut off
   */
  version(key: Uint8Array, place: Place, whole: boolean, work: Work): VersionRecord | undefined {
    const wantedSizeBytes = whole ? Infinity : changeHeadSizeBytes(key);
    const change = this.#log.find(place, wantedSizeBytes, work);
    if (change !== undefined) {
      if (whole) work.touch(change.row.length);
      return decodeVersion(change.row);
    }
    const kept = this.#backend.get('history', historyKey(key, place));
    work.charge(kept?.length);
    return kept === undefined || kept.length === 0 ? undefined : decodeVersion(kept);
  }
}

/**
 * Where the way to what a key was at `revision` begins; undefined: it was not there.
 * @param newest its newest version, younger than `revision`; undefined: it is deleted
 * @param entry its first entry that is younger
 */
export function chainEntrance(
  newest: Lineage | undefined,
  entry: Place | undefined,
  revision: Revision,
): Place | undefined {
  if (newest === undefined) return entry;
  // A deletion before would have an entry of its own. At the same revision both may have been.
  const entryIsOlder = entry !== undefined && entry.revision <= newest.createRevision;
  if (newest.createRevision > revision && !entryIsOlder) return undefined;
  return entry ?? newest.mod;
}
