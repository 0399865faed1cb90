import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors.js';
import type { AppliedPosition, BackendInstall, TableRow } from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import { checkPair } from './limits.js';
import type { MemoryRows } from './memory-rows.js';

interface InstallEnd {
  /** What the disk has to say to that. */
  begin(operation: 'add' | 'prepare'): Promise<void>;
  activate(switched: () => void): Promise<void>;
  /** What was written is removed. */
  remove(): Promise<void>;
  /** Its rows are given up, or in use. */
  ended(): void;
}

/** Fills rows that nobody else uses. */
export class MemoryInstall implements BackendInstall {
  readonly #rows: MemoryRows;
  readonly #end: InstallEnd;
  #rowCount = 0;
  #phase: 'open' | 'prepared' | 'ended' = 'open';
  #removing: Promise<void> | undefined;

  constructor(rows: MemoryRows, end: InstallEnd) {
    this.#rows = rows;
    this.#end = end;
  }

  async add(rows: readonly TableRow[]): Promise<void> {
    for (const { key, value } of rows) checkPair(key, value);
    this.#checkOpen();
    await this.#end.begin('add');
    this.#checkOpen();
    for (const { table, key, value } of rows) if (this.#rows.set(table, key, value)) this.#rowCount++;
  }

  #checkOpen(): void {
    if (this.#phase === 'ended') throw new DiskError('failed', 'the installation has ended');
    assert(this.#phase === 'open', 'rows come before the preparation');
  }

  async prepare(position: AppliedPosition, rowCount: number): Promise<void> {
    this.#checkOpen();
    await this.#end.begin('prepare');
    this.#checkOpen();
    if (this.#rowCount !== rowCount) {
      throw new KvorumError('DATA_DAMAGED', `${this.#rowCount} rows are there instead of ${rowCount}`);
    }
    this.#rows.installedAt = position;
    await this.#rows.write([], position);
    this.#phase = 'prepared';
  }

  async activate(switched: () => void): Promise<void> {
    if (this.#phase === 'ended') throw new DiskError('failed', 'the installation has ended');
    assert(this.#phase === 'prepared', 'what is activated was prepared');
    this.#phase = 'ended';
    try {
      await this.#end.activate(switched);
    } finally {
      this.#end.ended();
    }
  }

  async abort(): Promise<void> {
    await Promise.resolve();
    if (this.#phase !== 'ended') {
      this.#phase = 'ended';
      this.#removing = this.#end.remove().finally(() => this.#end.ended());
    }
    await this.#removing;
  }
}
