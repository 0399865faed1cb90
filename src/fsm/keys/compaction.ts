import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import type { Backend } from '../../ports/backend.js';
import { versionsPerEntry } from './past.js';
import type { RevisionLog } from './revision-log.js';
import {
  decodeVersion,
  historyKey,
  placeSizeBytes,
  readPlace,
  readUint53,
  writePlace,
  writeUint53,
  type Place,
} from './rows.js';
import type { Change } from './segment.js';

/**
 * Changes that one step looks at; the second walk ends with the segment in which it gets there. A step must not hold
 * up the members' loop.
 */
export const compactionStepChangesMax = 128;

const compactKey = Uint8Array.from([99, 109, 112]); // "cmp"

/** A compaction that is under way. */
interface Progress {
  /** Newest revision when it began: what was written later, keeps what it needs itself. */
  readonly through: Revision;
  /** The next change to look at in the first walk; behind `through` the second walk is on. */
  readonly next: Place;
  /** Of the compaction before: only what is older than it may be kept in `history`. */
  readonly keptBefore: Revision;
}

/**
 * Forgets what no revision from the compacted one on can see. The compacted revision moves at once; the rest goes
 * in bounded steps, one with each applied entry. A first walk goes over the changes since the compacted revision: the
 * version that one of them ended is still seen, so those that are about to be removed are kept in `history`. A
 * second walk removes segments from the old end. How far they have come is part of the state, so members agree on
 * it, also after a snapshot.
 */
export class Compaction {
  readonly #backend: Backend;
  readonly #log: RevisionLog;
  #revision: Revision = -1;
  #progress: Progress | undefined;

  constructor(backend: Backend, log: RevisionLog) {
    this.#backend = backend;
    this.#log = log;
  }

  /** Reads below it are refused; -1: never compacted. */
  get revision(): Revision {
    return this.#revision;
  }

  reload(): void {
    const row = this.#backend.get('meta', compactKey);
    this.#revision = row === undefined ? -1 : readUint53(row, 0);
    this.#progress = undefined;
    if (row === undefined || row.length === 8) return;
    assert(row.length === 24 + placeSizeBytes, 'the row of the compaction is whole');
    this.#progress = {
      through: readUint53(row, 8),
      keptBefore: readUint53(row, 16),
      next: readPlace(row, 24),
    };
  }

  #save(): void {
    const row = new Uint8Array(this.#progress === undefined ? 8 : 24 + placeSizeBytes);
    writeUint53(row, 0, this.#revision);
    if (this.#progress !== undefined) {
      writeUint53(row, 8, this.#progress.through);
      writeUint53(row, 16, this.#progress.keptBefore);
      writePlace(row, 24, this.#progress.next);
    }
    this.#backend.put('meta', compactKey, row);
  }

  /** @param newest of the store */
  begin(revision: Revision, newest: Revision): void {
    const keptBefore = Math.max(this.#revision, 0);
    this.#revision = revision;
    this.#progress = { through: newest, keptBefore, next: { revision, sub: 0 } };
    this.#save();
  }

  step(): void {
    const progress = this.#progress;
    if (progress === undefined) return;
    if (progress.next.revision <= progress.through) this.#progress = this.#keep(progress);
    else if (this.#remove(progress)) this.#progress = undefined;
    else return;
    this.#save();
  }

  #keep(progress: Progress): Progress {
    let next: Place = { revision: progress.through + 1, sub: 0 };
    let count = 0;
    // Bytes that the backend gave are good until the next write.
    const kept: { readonly key: Uint8Array; readonly row: Uint8Array }[] = [];
    for (const { place, key, previous } of this.#log.since(progress.next)) {
      if (place.revision > progress.through) break;
      if (++count > compactionStepChangesMax) {
        next = place;
        break;
      }
      if (previous.revision === 0 || previous.revision >= this.#revision) continue;
      const row = this.#log.find(previous)?.row;
      // Undefined: an earlier compaction kept it.
      if (row !== undefined) kept.push({ key: historyKey(key, previous), row: row.slice() });
    }
    for (const { key, row } of kept) this.#backend.put('history', key, row);
    return { ...progress, next };
  }

  /** @returns whether nothing is left to remove */
  #remove(progress: Progress): boolean {
    for (let count = 0; count < compactionStepChangesMax;) {
      const segment = this.#log.oldestClosed();
      const last = segment?.changes.at(-1);
      if (segment === undefined || last === undefined || last.place.revision >= this.#revision) return true;
      count += segment.changes.length;
      const entries = segment.changes.flatMap((change) => this.#entriesOf(change, progress));
      for (const entry of entries) this.#backend.delete('history', entry);
      segment.remove();
    }
    return false;
  }

  /** Keys in `history` that go with the change: its entry, unless it is kept, and the version before, if it was kept. */
  #entriesOf({ key, place, row, previous }: Change, progress: Progress): Uint8Array[] {
    const entries: Uint8Array[] = [];
    const { deleted, version } = decodeVersion(row);
    if (deleted || version % versionsPerEntry === 0) {
      const entry = historyKey(key, place);
      if (this.#backend.get('history', entry)?.length === 0) entries.push(entry);
    }
    if (previous.revision > 0 && previous.revision < progress.keptBefore) {
      entries.push(historyKey(key, previous));
    }
    return entries;
  }
}
