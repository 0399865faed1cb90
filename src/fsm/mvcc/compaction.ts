import type { Revision } from '../../base/ids.js';
import type { Backend } from '../../ports/backend.js';
import { decodeChange, decodePlaceKey, historyKey, placeKey, readUint53, writeUint53 } from './rows.js';

/** Changes whose remains are removed in one step: a step must not hold up the members' loop. */
export const compactionStepChangesMax = 512;

const compactKey = Uint8Array.from([99, 109, 112]); // "cmp"

/**
 * Forgets what no revision from the compacted one on can see. The compacted revision moves at once; the rows go
 * in bounded steps, one with each applied entry, walking the list of changes: each change before the compacted
 * revision ended one older version, and a deletion also left a tombstone. How far the walk has come is part of
 * the state, so members agree on it, also after a snapshot.
 */
export class Compaction {
  readonly #backend: Backend;
  #revision: Revision = -1;
  /** Everything before it is gone. */
  #done: Revision = -1;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Reads below it are refused; -1: never compacted. */
  get revision(): Revision {
    return this.#revision;
  }

  reload(): void {
    const row = this.#backend.get('meta', compactKey);
    if (row === undefined) {
      this.#revision = this.#done = -1;
      return;
    }
    this.#revision = readUint53(row, 0);
    this.#done = readUint53(row, 8) - 1;
  }

  begin(revision: Revision): void {
    this.#revision = revision;
    this.#save();
  }

  #save(): void {
    const row = new Uint8Array(16);
    writeUint53(row, 0, this.#revision);
    writeUint53(row, 8, this.#done + 1);
    this.#backend.put('meta', compactKey, row);
  }

  step(): void {
    if (this.#done >= this.#revision) return;
    const rows = [];
    const end = placeKey({ revision: this.#revision, sub: 0 });
    for (const row of this.#backend.range('revisions', { end })) {
      rows.push(row);
      if (rows.length >= compactionStepChangesMax) break;
    }
    for (const { key: rowKey, value } of rows) {
      const place = decodePlaceKey(rowKey);
      const { key, previous, deleted } = decodeChange(value);
      if (previous.revision > 0) this.#backend.delete('history', historyKey(key, previous));
      if (deleted) this.#backend.delete('history', historyKey(key, place));
      this.#backend.delete('revisions', rowKey);
    }
    if (rows.length >= compactionStepChangesMax) return;
    this.#done = this.#revision;
    this.#save();
  }
}
