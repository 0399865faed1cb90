import { assert } from '../../base/assert.js';
import type {
  AppliedPosition,
  Backend,
  BackendInstall,
  BackendView,
  RangeOptions,
  Row,
  TableName,
  TableRow,
} from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { Change } from './backlog.js';
import { closedError, Flusher } from './flusher.js';
import { checkPair } from './limits.js';
import { MemoryInstall } from './memory-install.js';
import { MemoryRows } from './memory-rows.js';

/** A batch that a crash may keep although it was not flushed. */
interface Commit {
  readonly changes: readonly Change[];
  readonly position: AppliedPosition;
}

const nowhere: AppliedPosition = { index: 0, term: 0 };

export type BackendOperation = 'flush' | 'add' | 'prepare' | 'activate' | 'abort';

/**
 * Lets a test or the simulator decide about each operation before it takes effect: return an error to make it
 * fail, a promise to make it take its time.
 */
export type BackendFaults = (
  operation: BackendOperation,
) => DiskError | undefined | Promise<DiskError | undefined>;

export interface MemoryBackendOptions {
  /** Of a row below; longer keys stand in chunks, as in LMDB. Infinity: none does. */
  readonly keySizeBytesMax?: number;
  /** Changed keys of one transaction: so many are flushed without being asked for. Infinity: never. */
  readonly flushKeysMax?: number;
}

/**
 * Keeps the state in memory, in two parts as LmdbBackend does, and with its backlog and flusher: what is applied stands
 * above what is flushed, which alone survives crash().
 */
export class MemoryBackend implements Backend {
  readonly #options: MemoryBackendOptions;
  readonly #flusher: Flusher<MemoryRows>;
  #changes: Change[] = [];
  #unflushed: Commit[] = [];
  #applied: AppliedPosition;
  #listener: (error?: Error) => void = () => {};
  #closed = false;
  /** The machine is gone: whatever is still under way has no effect and never ends. */
  #crashed = false;
  /** What a replacement has so far. */
  #arriving: MemoryRows | undefined;
  readonly #views = new Set<() => void>();
  faults: BackendFaults = () => undefined;
  /** Stands between a range and what is on disk of it, for who counts the rows there. */
  below = (rows: Iterable<Row>): Iterable<Row> => rows;
  /** Called when a read meets a row that has changed, before it is refused. */
  damageMet: () => void = () => {};

  constructor(options: MemoryBackendOptions = {}, rows?: MemoryRows) {
    this.#options = options;
    const { flushKeysMax = Infinity } = options;
    const limits = { clock: undefined, flushIntervalMs: Infinity, flushKeysMax, flushSizeBytesMax: Infinity };
    this.#flusher = new Flusher(rows ?? this.#emptyRows(), limits, {
      requireWritable: () => this.#begin('flush'),
      errorOf: (error) => Promise.resolve(diskErrorOf(error)),
      committed: () => this.#forgetFlushed(),
      flushed: (error) => this.#listener(error),
    });
    this.#applied = this.#flusher.flushed;
    this.#watch(this.#flusher.target);
  }

  #emptyRows(): MemoryRows {
    return new MemoryRows(this.#options.keySizeBytesMax ?? Infinity, nowhere);
  }

  #watch(rows: MemoryRows): void {
    rows.damageMet = () => this.damageMet();
  }

  /** The backend as it is found after a crash: somewhere between flushed and applied. */
  crash(commitsKept = 0): MemoryBackend {
    this.#closed = this.#crashed = true;
    const { target } = this.#flusher;
    for (const { changes, position } of this.#unflushed.slice(0, commitsKept)) {
      void target.write(changes, position);
    }
    return new MemoryBackend(this.#options, target.copy());
  }

  /** See MemoryRows. */
  flipBit(choose: (below: number) => number): string | undefined {
    return this.#flusher.target.flipBit(choose);
  }

  /** Some row on disk is one that has changed. */
  get holdsRot(): boolean {
    return this.#flusher.target.holdsRot;
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get installedAt(): AppliedPosition | undefined {
    return this.#flusher.target.installedAt;
  }

  /** Of the replacement that is being made; undefined: none is. */
  get arrivingSizeBytes(): number | undefined {
    return this.#arriving?.sizeBytes();
  }

  get flushed(): AppliedPosition {
    return this.#flusher.flushed;
  }

  get backlogSizeBytes(): number {
    return this.#flusher.backlog.sizeBytes;
  }

  /** Views that are open. */
  get viewCount(): number {
    return this.#views.size;
  }

  get unflushedCommits(): number {
    return this.#unflushed.length;
  }

  sizeBytes(): number {
    return this.#flusher.target.sizeBytes();
  }

  onFlushed(listener: (error?: Error) => void): void {
    this.#listener = listener;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const { backlog, target } = this.#flusher;
    const held = backlog.get(table, key);
    return held === undefined ? target.get(table, key) : (held ?? undefined);
  }

  range(table: TableName, options: RangeOptions): Iterable<Row> {
    const { backlog, target } = this.#flusher;
    return backlog.over(table, options, this.below(target.range(table, options)));
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkPair(key, value);
    this.#change(table, key, value);
  }

  delete(table: TableName, key: Uint8Array): void {
    checkPair(key, undefined);
    this.#change(table, key, undefined);
  }

  #change(table: TableName, key: Uint8Array, value: Uint8Array | undefined): void {
    this.#flusher.backlog.set(table, key, value);
    this.#changes.push({ table, key, value });
  }

  commit(position: AppliedPosition): void {
    assert(position.index >= this.#applied.index, 'the applied index never falls');
    // One of its own, by which the flushed ones are told from those that are not.
    const own = { ...position };
    this.#unflushed.push({ changes: this.#changes, position: own });
    this.#changes = [];
    this.#applied = own;
    this.#flusher.commit(own);
  }

  #forgetFlushed(): void {
    const { flushed } = this.#flusher;
    this.#unflushed.splice(0, this.#unflushed.findIndex(({ position }) => position === flushed) + 1);
  }

  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  async #begin(operation: BackendOperation): Promise<void> {
    await Promise.resolve();
    const fault = await this.faults(operation);
    await this.#checkOpen();
    if (fault !== undefined) throw fault;
  }

  async view(): Promise<BackendView> {
    await this.flush();
    await this.#checkOpen();
    const { target } = this.#flusher;
    const rows = target.copy();
    const { writtenBytes } = target;
    const state = { ended: false };
    const end = (): void => {
      state.ended = true;
      this.#views.delete(end);
    };
    this.#views.add(end);
    return {
      position: rows.position(),
      sizeBytesEstimated: rows.sizeBytes(),
      rows: (behind) => viewRows(rows.all(behind), state),
      pinnedSizeBytes: () => (state.ended ? 0 : target.writtenBytes - writtenBytes),
      close: end,
    };
  }

  async #checkOpen(): Promise<void> {
    if (this.#crashed) await new Promise<never>(() => {});
    if (this.#closed) throw closedError();
  }

  #endViews(): void {
    for (const end of this.#views) end();
  }

  async beginInstall(): Promise<BackendInstall> {
    assert(this.#arriving === undefined, 'one installation at a time');
    const rows = this.#emptyRows();
    this.#arriving = rows;
    try {
      await this.#checkOpen();
    } catch (error) {
      this.#arriving = undefined;
      throw error;
    }
    return new MemoryInstall(rows, {
      begin: (operation) => this.#begin(operation),
      activate: (switched) => this.#activate(rows, switched),
      remove: () => this.#remove(),
      ended: () => {
        if (this.#arriving === rows) this.#arriving = undefined;
      },
    });
  }

  /** What stays of it is removed at the next start. */
  async #remove(): Promise<void> {
    await this.faults('abort');
    if (this.#crashed) await new Promise<never>(() => {});
  }

  async #activate(rows: MemoryRows, switched: () => void): Promise<void> {
    await this.#flusher.hold(async () => {
      await this.#begin('activate').catch(async (error: unknown) => {
        throw this.#closed ? error : await this.#flusher.fail(error);
      });
      // In use, they count no more as what arrives.
      this.#arriving = undefined;
      this.#replace(rows, switched);
    });
    this.#listener();
  }

  #replace(rows: MemoryRows, switched: () => void): void {
    this.#watch(rows);
    this.#flusher.replaceAll(rows, rows.position());
    this.#changes = [];
    this.#unflushed = [];
    this.#applied = rows.position();
    switched();
    this.#endViews();
  }

  endWaits(): void {
    this.#flusher.endWaits();
  }

  async close({ flush = true } = {}): Promise<void> {
    this.#flusher.stop({ flush });
    try {
      if (flush) await this.#flusher.flushRest();
    } finally {
      this.#closed = true;
      await this.#flusher.whenIdle();
      this.#endViews();
    }
  }
}

function diskErrorOf(error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  return new DiskError('failed', `the state in memory: ${String(error)}`, { cause: error });
}

function* viewRows(rows: Iterable<TableRow>, state: { readonly ended: boolean }): Generator<TableRow> {
  for (const row of rows) {
    if (state.ended) throw new DiskError('failed', 'the view is closed, or the state below it was');
    yield row;
  }
}
