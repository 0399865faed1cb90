import type { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import type { Refused } from '../command.js';
import { toBounds, type KeyBounds } from './key-bounds.js';
import type { KeyCommand, KeyResult } from './key-commands.js';
import type { KeySpace } from './key-space.js';
import { RangeDeletion } from './range-deletion.js';
import { chargeLongKey } from './row-cost.js';
import { RangeSize } from './range-size.js';

type Put = Extract<KeyCommand, { type: 'put' }>;
type DeleteRange = Extract<KeyCommand, { type: 'delete-range' }>;

/** What commands do to the keys. */
export class KeysPart {
  readonly #backend: Backend;
  readonly #keys: KeySpace;
  /** As of StateLimits. */
  readonly #previousSizeBytesMax: number;
  #size: RangeSize | undefined;
  #deletion: RangeDeletion | undefined;

  constructor(backend: Backend, keys: KeySpace, previousSizeBytesMax: number) {
    this.#backend = backend;
    this.#keys = keys;
    this.#previousSizeBytesMax = previousSizeBytesMax;
    this.#deletion = RangeDeletion.resume(backend, keys);
  }

  reload(): void {
    this.#keys.reload();
    this.#size = undefined;
    this.#deletion = RangeDeletion.resume(this.#backend, this.#keys);
  }

  /** A part of a command is done, and the backend holds it. */
  get unfinished(): boolean {
    return this.#deletion !== undefined;
  }

  /** Before the backend's commit: what is kept in memory goes with it. */
  save(): void {
    this.#keys.save();
    this.#deletion?.save();
  }

  /** The command that is unfinished ends with what it has done. */
  abandon(): void {
    this.#deletion?.end();
    this.#deletion = undefined;
  }

  /** @returns undefined: the slice is over; the same command is to be handed in again */
  apply(command: KeyCommand, work: Work): KeyResult | Refused | undefined {
    switch (command.type) {
      case 'put':
        return this.#put(command, work);
      case 'delete-range':
        return command.end === undefined ? this.#delete(command, work) : this.#deleteRange(command, work);
      case 'compact': {
        work.charge();
        const code = this.#keys.compact(command.revision);
        const { revision, compactRevision } = this.#keys;
        if (code === undefined) return { type: 'compact', revision };
        const message =
          code === 'REVISION_COMPACTED'
            ? `revision ${command.revision} is compacted already, the oldest left is ${compactRevision}`
            : `revision ${command.revision} has not been written yet, the store is at ${revision}`;
        return { type: 'refused', revision, code, message };
      }
    }
  }

  #put(command: Put, work: Work): KeyResult {
    const { key, value, lease } = command;
    work.charge(value.length);
    chargeLongKey(work, key);
    const unexpected = this.#compare(command);
    if (unexpected !== undefined) return unexpected;
    const previous = this.#keys.write((txn) => txn.put(key, value, lease, command.previous));
    return { type: 'put', revision: this.#keys.revision, previous };
  }

  #delete(command: DeleteRange, work: Work): KeyResult {
    work.charge();
    chargeLongKey(work, command.key);
    const unexpected = this.#compare(command);
    if (unexpected !== undefined) return unexpected;
    const deleted = this.#keys.write((txn) => txn.delete(command.key));
    const previous = command.previous && deleted !== undefined ? [deleted] : [];
    const deletedCount = deleted === undefined ? 0 : 1;
    return { type: 'delete-range', revision: this.#keys.revision, deletedCount, previous };
  }

  #deleteRange(command: DeleteRange, work: Work): KeyResult | Refused | undefined {
    const bounds = toBounds(command.key, command.end!);
    if (this.#deletion === undefined) {
      const refused = command.previous ? this.#measure(bounds, work) : 'fits';
      if (refused !== 'fits') return refused;
      this.#deletion = RangeDeletion.begin(this.#backend, this.#keys, bounds, command.previous);
    }
    // What has no keys, or none any more, is looked at too, and an entry may have thousands of such ranges.
    work.charge();
    const deletion = this.#deletion;
    if (!deletion.step(work)) return undefined;
    this.#deletion = undefined;
    const { deletedCount, previous = [] } = deletion;
    return { type: 'delete-range', revision: this.#keys.revision, deletedCount, previous };
  }

  /** Before anything is deleted: what is done cannot be taken back. @returns undefined: the slice is over */
  #measure(bounds: KeyBounds, work: Work): 'fits' | Refused | undefined {
    const previousSizeBytesMax = this.#previousSizeBytesMax;
    this.#size ??= new RangeSize(this.#backend, bounds);
    const sizeBytes = this.#size.step(previousSizeBytesMax, work);
    if (sizeBytes === undefined) return undefined;
    this.#size = undefined;
    if (sizeBytes <= previousSizeBytesMax) return 'fits';
    const message = `previousSizeBytesMax: the pairs that would be deleted, and answered with, have more than ${previousSizeBytesMax} bytes`;
    return { type: 'refused', revision: this.#keys.revision, code: 'LIMIT_EXCEEDED', message };
  }

  /** @returns the result if the write must not happen */
  #compare({ key, expectedModRevision: expected }: Put | DeleteRange): KeyResult | undefined {
    if (expected === undefined) return undefined;
    const { items, revision } = this.#keys.range({ key, revision: 0, limit: 1, keysOnly: true });
    const modRevision = items[0]?.modRevision ?? 0;
    return modRevision === expected ? undefined : { type: 'not-expected', revision, modRevision };
  }
}
