import { statfsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors.js';
import {
  tableNames,
  type AppliedPosition,
  type Backend,
  type BackendInstall,
  type BackendView,
  type RangeOptions,
  type Row,
  type TableName,
} from '../../ports/backend.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { DiskError } from '../../ports/disk.js';
import { RealDisk } from '../disk/real-disk.js';
import { checkPair } from './limits.js';
import { LmdbEnvironment, type Change } from './lmdb-environment.js';
import { MemoryTable } from './memory-table.js';

export interface LmdbBackendOptions {
  readonly clock: Clock;
  /** What is applied waits at most about this long for its way to disk. */
  readonly flushIntervalMs: number;
  /** Changed keys, and bytes, that start a flush at once. */
  readonly flushKeysMax: number;
  readonly flushSizeBytesMax: number;
}

const defaults = { flushIntervalMs: 100, flushKeysMax: 8192, flushSizeBytesMax: 8 * 1024 * 1024 };

/** Left free beyond what a transaction may need; with less, a failed write counts as one for which there was none. */
const spaceSizeBytesMin = 1024 * 1024;

const currentFile = 'CURRENT';
/** Pairs that an installation hands to LMDB in one transaction. */
const installBatchPairsMax = 4096;
const installBatchSizeBytesMax = 4 * 1024 * 1024;

/**
 * State in LMDB, with what is not there yet in a memory table above it. A background flush moves the memory
 * table to LMDB in one transaction together with the applied position; see DESIGN.md.
 */
export class LmdbBackend implements Backend {
  readonly #folder: string;
  readonly #options: LmdbBackendOptions;
  readonly #disk: RealDisk;
  #environment: LmdbEnvironment;
  /** Counts environments; the folder of the current one is named by it. */
  #generation: number;
  #active = new MemoryTable();
  /** On its way to LMDB, not to be changed. */
  #flushing: MemoryTable | undefined;
  #applied: AppliedPosition;
  #flushed: AppliedPosition;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #failure: DiskError | undefined;
  #listener: (error?: Error) => void = () => {};
  #closed = false;

  private constructor(
    folder: string,
    options: LmdbBackendOptions,
    disk: RealDisk,
    generation: number,
    environment: LmdbEnvironment,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#disk = disk;
    this.#generation = generation;
    this.#environment = environment;
    this.#applied = this.#flushed = environment.position();
  }

  /** @param folder exists, and is this backend's alone */
  static async open(
    folder: string,
    given: Partial<LmdbBackendOptions> & Pick<LmdbBackendOptions, 'clock'>,
  ): Promise<LmdbBackend> {
    const disk = new RealDisk(folder);
    const current = await disk.readFile(currentFile);
    const states = (await fs.readdir(folder)).filter((name) => name.startsWith('state-'));
    const text = current === undefined ? '1' : Buffer.from(current).toString('utf8');
    // What CURRENT does not name is removed: a guess would cost the state.
    if (!/^[1-9][0-9]{0,14}$/.test(text) || (current === undefined && states.length > 0)) {
      throw new KvorumError(
        'DATA_DAMAGED',
        `${join(folder, currentFile)} is damaged or missing: restore the data folder, or remove this member and join it anew with an empty one`,
      );
    }
    const generation = Number(text);
    if (current !== undefined && !states.includes(stateName(generation)) && states.length > 0) {
      throw new KvorumError(
        'DATA_DAMAGED',
        `${join(folder, currentFile)} names ${stateName(generation)}, which is not there: restore the data folder, or remove this member and join it anew with an empty one`,
      );
    }
    for (const name of states) if (name !== stateName(generation)) await disk.remove(name);
    if (current === undefined) await disk.writeFileDurable(currentFile, Buffer.from(String(generation)));
    await disk.makeFolder(stateName(generation));
    const environment = openEnvironment(join(folder, stateName(generation)));
    return new LmdbBackend(folder, { ...defaults, ...given }, disk, generation, environment);
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get flushed(): AppliedPosition {
    return this.#flushed;
  }

  get backlogSizeBytes(): number {
    return this.#active.sizeBytes + (this.#flushing?.sizeBytes ?? 0);
  }

  sizeBytes(): number {
    return this.#environment.sizeBytes();
  }

  onFlushed(listener: (error?: Error) => void): void {
    this.#listener = listener;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    let held = this.#active.get(table, key);
    if (held === undefined && this.#flushing !== undefined) held = this.#flushing.get(table, key);
    // Null: removed above, whatever is below.
    if (held !== undefined) return held ?? undefined;
    return this.#environment.get(table, key);
  }

  range(table: TableName, options: RangeOptions): Iterable<Row> {
    let rows = this.#environment.range(table, options);
    if (this.#flushing !== undefined) rows = this.#flushing.over(table, options, rows);
    return this.#active.over(table, options, rows);
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkPair(key, value);
    this.#active.set(table, key, value);
  }

  delete(table: TableName, key: Uint8Array): void {
    checkPair(key, undefined);
    this.#active.set(table, key, undefined);
  }

  commit(position: AppliedPosition): void {
    assert(position.index >= this.#applied.index, 'the applied index never falls');
    this.#applied = position;
    if (this.#running !== undefined || this.#closed) return;
    const { flushKeysMax, flushSizeBytesMax, flushIntervalMs, clock } = this.#options;
    if (this.#active.size >= flushKeysMax || this.#active.sizeBytes >= flushSizeBytesMax) {
      this.#start();
    } else {
      this.#timer ??= clock.setTimer(flushIntervalMs, () => {
        this.#timer = undefined;
        this.#start();
      });
    }
  }

  #start(): void {
    this.flush().catch(() => {
      // Told through onFlushed.
    });
  }

  async flush(): Promise<void> {
    // Of what is committed by now: under load there is always more.
    const { index } = this.#applied;
    while (this.#flushed.index < index) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#running ??= this.#flushOnce();
      await this.#running;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #flushOnce(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const position = this.#applied;
    const table = this.#active;
    this.#flushing = table;
    this.#active = new MemoryTable();
    try {
      await this.#requireWritable(table.sizeBytes);
      await this.#environment.write(table.changes(), position);
      this.#flushed = position;
      this.#flushing = undefined;
    } catch (error) {
      this.#failure = asDiskError(error, this.#folder);
    } finally {
      this.#running = undefined;
    }
    this.#listener(this.#failure);
    if (this.#failure === undefined && !this.#closed && this.#active.size > 0) this.commit(this.#applied);
  }

  /**
   * Asked before each transaction: is there space, and does the file system take changes? A write that fails as a
   * whole must not be left to LMDB: the text of its error is longer than the memory that lmdb-js takes for it, and
   * the process may be aborted.
   */
  async #requireWritable(changesSizeBytes: number): Promise<void> {
    const { bavail, bsize } = await fs.statfs(this.#folder);
    const [freeBytes, neededBytes] = [bavail * bsize, 2 * changesSizeBytes + spaceSizeBytesMin];
    if (freeBytes < neededBytes) {
      const message = `state database: ${freeBytes} bytes are free, ${neededBytes} may be needed`;
      throw new DiskError('full', message);
    }
    const now = new Date();
    await fs.utimes(this.#folder, now, now);
  }

  async view(): Promise<BackendView> {
    await this.flush();
    const environment = this.#environment;
    const transaction = environment.beginRead();
    return {
      // Another batch may be on disk already, and not yet reported.
      position: environment.position(transaction),
      *rows() {
        for (const table of tableNames) {
          for (const { key, value } of environment.range(table, {}, transaction)) yield { table, key, value };
        }
      },
      close: () => transaction.done(),
    };
  }

  async beginInstall(): Promise<BackendInstall> {
    const generation = this.#generation + 1;
    await this.#disk.remove(stateName(generation));
    await this.#disk.makeFolder(stateName(generation));
    const replacement = openEnvironment(join(this.#folder, stateName(generation)));
    let batch: Change[] = [];
    let batchSizeBytes = 0;
    const write = async (position: AppliedPosition): Promise<void> => {
      const changes = batch;
      const sizeBytes = batchSizeBytes;
      batch = [];
      batchSizeBytes = 0;
      try {
        await this.#requireWritable(sizeBytes);
        await replacement.write(changes, position);
      } catch (error) {
        throw asDiskError(error, this.#folder);
      }
    };
    return {
      add: async (table, key, value) => {
        checkPair(key, value);
        batch.push({ table, key, value });
        batchSizeBytes += key.length + value.length;
        if (batch.length >= installBatchPairsMax || batchSizeBytes >= installBatchSizeBytesMax) {
          await write({ index: 0, term: 0 });
        }
      },
      activate: async (position, switched) => {
        await write(position);
        await this.#activate(generation, replacement, position, switched);
      },
      abort: async () => {
        await replacement.close();
        await this.#disk.remove(stateName(generation));
      },
    };
  }

  async #activate(
    generation: number,
    replacement: LmdbEnvironment,
    position: AppliedPosition,
    switched: () => void,
  ): Promise<void> {
    // What is being flushed to the old environment must not be mistaken for the new one's.
    while (this.#running !== undefined) await this.#running;
    await this.#disk.writeFileDurable(currentFile, Buffer.from(String(generation)));
    const [old, oldGeneration] = [this.#environment, this.#generation];
    this.#environment = replacement;
    this.#generation = generation;
    this.#active = new MemoryTable();
    this.#flushing = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#applied = this.#flushed = position;
    switched();
    await old.close();
    await this.#disk.remove(stateName(oldGeneration));
    this.#listener();
  }

  async close({ flush = true } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    try {
      if (flush) await this.flush();
      await this.#running;
    } finally {
      await this.#environment.close();
    }
  }
}

function stateName(generation: number): string {
  return `state-${generation}`;
}

function openEnvironment(path: string): LmdbEnvironment {
  try {
    return new LmdbEnvironment(path);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function asDiskError(error: unknown, folder: string): DiskError {
  if (error instanceof DiskError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const reason = toldFull.test(detail) || isNearlyFull(folder) ? 'full' : 'failed';
  return new DiskError(reason, `state database: ${detail}`, { cause: error });
}

const toldFull = /ENOSPC|no space|MDB_MAP_FULL|EDQUOT|EFBIG/i;

/** A write that had space for a part of it only is an input/output error to LMDB. */
function isNearlyFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < spaceSizeBytesMin;
  } catch {
    return false;
  }
}
