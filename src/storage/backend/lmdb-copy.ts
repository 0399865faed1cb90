import { compareBytes, keyAfter } from '../../base/bytes.js';
import { tableNames, type AppliedPosition, type TableName } from '../../ports/backend.js';
import type { Clock } from '../../ports/clock.js';
import type { Change } from './backlog.js';
import { diskErrorOf, requireWritable } from './disk-failure.js';
import type { LmdbEnvironment } from './lmdb-environment.js';

/** Of what a copy does at once: read in one turn, and written in one transaction. */
export interface SliceLimits {
  readonly sliceRowsMax: number;
  /** Of keys and values; the last row may go past it. */
  readonly sliceSizeBytesMax: number;
  /** Reading stops behind a row when it has taken so long: pages may have to come from the disk. */
  readonly sliceReadMsMax: number;
  /** Left free on the disk. */
  readonly spareSizeBytes: number;
}

export interface Slice {
  readonly rows: number;
  readonly sizeBytes: number;
}

interface Committed {
  readonly changes: readonly Change[];
  readonly sizeBytes: number;
}

const nowhere: AppliedPosition = { index: 0, term: 0 };
const firstKey = new Uint8Array(0);

/**
 * Copies an environment to an empty one while it is being written to. Rows are read in the order of tables and keys,
 * each slice as they are then. What is committed meanwhile is told, and kept: of its changes, those of keys that have
 * been read are made in the copy too, in the order of the commits; the others will be read. So a key may for a while be
 * newer in the copy than what else is there, and go back in time; once the copy is complete, each is at the last commit.
 */
export class LmdbCopy {
  readonly #from: LmdbEnvironment;
  readonly #to: LmdbEnvironment;
  readonly #clock: Clock;
  readonly #limits: SliceLimits;
  /** The place up to which rows have been read: of tableNames, and the next key in it. */
  #table = 0;
  #key: Uint8Array = firstKey;
  #behind: Committed[] = [];
  /** Changes of the first of these that are done with. */
  #behindAt = 0;
  #behindSizeBytes = 0;
  /** Rows and changes take turns, so that neither waits for ever. */
  #rowsAreNext = false;

  constructor(from: LmdbEnvironment, to: LmdbEnvironment, clock: Clock, limits: SliceLimits) {
    this.#from = from;
    this.#to = to;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Told once the transaction can be read, and before the next. */
  committed(changes: readonly Change[], sizeBytes: number): void {
    this.#behind.push({ changes, sizeBytes });
    this.#behindSizeBytes += sizeBytes;
  }

  /** Of whole transactions that are not yet in the copy, all of them. */
  get behindSizeBytes(): number {
    return this.#behindSizeBytes;
  }

  /** Only what is behind is missing. */
  get hasAllRows(): boolean {
    return this.#table === tableNames.length;
  }

  /** All that was committed is in the copy. */
  get isComplete(): boolean {
    return this.hasAllRows && this.#behind.length === 0;
  }

  /** @throws DiskError: of the copy; KvorumError DATA_DAMAGED: of what is copied */
  async step(): Promise<Slice> {
    const changes = this.#rowsAreNext || this.#behind.length === 0 ? this.#nextRows() : this.#nextChanges();
    this.#rowsAreNext = !this.#rowsAreNext && !this.hasAllRows;
    const sizeBytes = changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    if (changes.length > 0) await this.#write(changes, sizeBytes, nowhere);
    return { rows: changes.length, sizeBytes };
  }

  /** Once it is complete, and nothing more is committed. */
  async finish(position: AppliedPosition): Promise<void> {
    await this.#write([], 0, position, this.#from.installedAt());
    await this.#to.close();
  }

  async #write(
    changes: readonly Change[],
    sizeBytes: number,
    position: AppliedPosition,
    installedAt?: AppliedPosition,
  ): Promise<void> {
    try {
      await requireWritable(this.#to.path, sizeBytes + this.#limits.spareSizeBytes);
      await this.#to.write(changes, position, installedAt);
    } catch (error) {
      throw await diskErrorOf(error, this.#to.path);
    }
  }

  #nextRows(): Change[] {
    const { sliceRowsMax, sliceSizeBytesMax, sliceReadMsMax } = this.#limits;
    const untilMs = this.#clock.monotonicMs() + sliceReadMsMax;
    const rows: Change[] = [];
    let sizeBytes = 0;
    for (; this.#table < tableNames.length; this.#table++, this.#key = firstKey) {
      const table = tableNames[this.#table]!;
      for (const { key, value } of this.#from.range(table, { start: this.#key })) {
        rows.push({ table, key, value });
        sizeBytes += key.length + value.length;
        const isFull = rows.length >= sliceRowsMax || sizeBytes >= sliceSizeBytesMax;
        if (!isFull && this.#clock.monotonicMs() < untilMs) continue;
        this.#key = keyAfter(key);
        return rows;
      }
    }
    return rows;
  }

  #nextChanges(): Change[] {
    const { sliceRowsMax, sliceSizeBytesMax } = this.#limits;
    const made: Change[] = [];
    let sizeBytes = 0;
    for (let seen = 0; seen < sliceRowsMax && sizeBytes < sliceSizeBytesMax; seen++) {
      const [first] = this.#behind;
      if (first === undefined) break;
      const change = first.changes[this.#behindAt++];
      if (change === undefined) {
        this.#behind.shift();
        this.#behindAt = 0;
        this.#behindSizeBytes -= first.sizeBytes;
      } else if (this.#hasRead(change.table, change.key)) {
        made.push(change);
        sizeBytes += change.key.length + (change.value?.length ?? 0);
      }
    }
    return made;
  }

  #hasRead(table: TableName, key: Uint8Array): boolean {
    const at = tableNames.indexOf(table);
    return at < this.#table || (at === this.#table && compareBytes(key, this.#key) < 0);
  }
}
