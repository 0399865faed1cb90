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
import { DiskError } from '../../ports/disk.js';
import { checkPair } from './limits.js';
import { LongKeyTable } from './long-key-table.js';
import { OrderedTable } from './ordered-table.js';

type Tables = Record<TableName, OrderedTable<Uint8Array> | LongKeyTable>;

interface Change {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

interface Commit {
  readonly changes: readonly Change[];
  readonly sizeBytes: number;
  readonly position: AppliedPosition;
}

const nowhere: AppliedPosition = { index: 0, term: 0 };

export type BackendOperation = 'flush' | 'add' | 'activate';

/**
 * Lets a test or the simulator decide about each operation before it takes effect: return an error to make it
 * fail, a promise to make it take its time.
 */
export type BackendFaults = (
  operation: BackendOperation,
) => DiskError | undefined | Promise<DiskError | undefined>;

/** Keeps the state in memory. What is flushed, and so survives crash(), is told apart from what is applied. */
export class MemoryBackend implements Backend {
  readonly #keySizeBytesMax: number;
  #live: Tables;
  #durable: Tables;
  #changes: Change[] = [];
  #changesSizeBytes = 0;
  #unflushed: Commit[] = [];
  #applied = nowhere;
  #flushed = nowhere;
  #backlogSizeBytes = 0;
  #listener: (error?: Error) => void = () => {};
  #closed = false;
  /** The machine is gone: whatever is still under way has no effect and never ends. */
  #crashed = false;
  #installing = false;
  readonly #views = new Set<() => void>();
  #failure: DiskError | undefined;
  /** Values that were changed since they were written. */
  readonly #rotten = new Set<Uint8Array>();
  faults: BackendFaults = () => undefined;
  /** Called when a read meets a row that has changed, before it is refused. */
  damageMet: () => void = () => {};

  /** @param keySizeBytesMax of a row below; longer keys stand in chunks, as in LMDB */
  constructor(keySizeBytesMax = Infinity) {
    this.#keySizeBytesMax = keySizeBytesMax;
    this.#live = this.#emptyTables();
    this.#durable = this.#emptyTables();
  }

  /** The backend as it is found after a crash: somewhere between flushed and applied. */
  crash(commitsKept = 0): MemoryBackend {
    this.#closed = this.#crashed = true;
    for (const commit of this.#unflushed.slice(0, commitsKept)) this.#makeDurable(commit);
    const after = new MemoryBackend(this.#keySizeBytesMax);
    after.#durable = this.#durable;
    after.#live = this.#copyTables(this.#durable);
    after.#applied = after.#flushed = this.#flushed;
    for (const value of this.#rotten) after.#rotten.add(value);
    return after;
  }

  /**
   * Changes a bit in one of the rows on disk, where there are any.
   * @param choose a whole number below what it is given
   * @returns what was changed, for people
   */
  flipBit(choose: (below: number) => number): string | undefined {
    const rows = tableNames.flatMap((table) =>
      [...this.#durable[table].range({})].map(([key, value]) => ({ table, key, value })),
    );
    if (rows.length === 0) return undefined;
    const { table, key, value } = rows[choose(rows.length)]!;
    const changed = value.slice();
    if (changed.length > 0) changed[choose(changed.length)]! ^= 1 << choose(8);
    this.#durable[table].set(key, changed);
    // What was written since, and is not on disk, is read from memory.
    if (this.#live[table].get(key) === value) this.#live[table].set(key, changed);
    this.#rotten.add(changed);
    return `${table} ${Buffer.from(key).toString('latin1')}`;
  }

  /** Some row on disk may be one that has changed. */
  get holdsRot(): boolean {
    return this.#rotten.size > 0;
  }

  #checked(value: Uint8Array): Uint8Array {
    if (this.#rotten.size === 0 || !this.#rotten.has(value)) return value;
    this.damageMet();
    throw new KvorumError('DATA_DAMAGED', 'the state holds a row that is not as it was written');
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get flushed(): AppliedPosition {
    return this.#flushed;
  }

  get backlogSizeBytes(): number {
    return this.#backlogSizeBytes;
  }

  get unflushedCommits(): number {
    return this.#unflushed.length;
  }

  sizeBytes(): number {
    let sizeBytes = 0;
    for (const name of tableNames) {
      for (const [key, value] of this.#durable[name].range({})) sizeBytes += key.length + value.length;
    }
    return sizeBytes;
  }

  onFlushed(listener: (error?: Error) => void): void {
    this.#listener = listener;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const value = this.#live[table].get(key);
    return value === undefined ? undefined : this.#checked(value);
  }

  *range(table: TableName, options: RangeOptions): Generator<Row> {
    for (const [key, value] of this.#live[table].range(options)) yield { key, value: this.#checked(value) };
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkPair(key, value);
    const before = this.#live[table].set(key, value);
    this.#changes.push({ table, key, value });
    this.#grow(key.length + value.length - sharedSizeBytes(before, value));
  }

  delete(table: TableName, key: Uint8Array): void {
    checkPair(key, undefined);
    this.#live[table].delete(key);
    this.#changes.push({ table, key, value: undefined });
    this.#grow(key.length);
  }

  #grow(sizeBytes: number): void {
    this.#changesSizeBytes += sizeBytes;
    this.#backlogSizeBytes += sizeBytes;
  }

  commit(position: AppliedPosition): void {
    assert(position.index >= this.#applied.index, 'the applied index never falls');
    this.#unflushed.push({ changes: this.#changes, sizeBytes: this.#changesSizeBytes, position });
    this.#changes = [];
    this.#changesSizeBytes = 0;
    this.#applied = position;
  }

  async flush(): Promise<void> {
    const last = this.#unflushed.at(-1);
    if (last === undefined) return;
    await this.#begin('flush');
    // What was committed meanwhile is for the next flush, as with a database on a disk.
    const begun = this.#unflushed.splice(0, this.#unflushed.indexOf(last) + 1);
    if (begun.length === 0) return;
    for (const commit of begun) {
      this.#makeDurable(commit);
      this.#backlogSizeBytes -= commit.sizeBytes;
    }
    this.#listener();
  }

  /** After a failure the backend is dead. */
  async #begin(operation: BackendOperation): Promise<void> {
    await Promise.resolve();
    const fault = this.#failure ?? (await this.faults(operation));
    await this.#checkOpen();
    if (fault === undefined) return;
    if (this.#failure === undefined) {
      this.#failure = fault;
      this.#listener(fault);
    }
    throw fault;
  }

  #makeDurable(commit: Commit): void {
    for (const { table, key, value } of commit.changes) {
      const rows = this.#durable[table];
      if (rows instanceof LongKeyTable) rows.add(key, value);
      else if (value === undefined) rows.delete(key);
      else rows.set(key, value);
    }
    for (const name of tableNames) {
      const rows = this.#durable[name];
      if (rows instanceof LongKeyTable) rows.writeAdded();
    }
    this.#flushed = commit.position;
  }

  #emptyTables(): Tables {
    const sizeBytesMax = this.#keySizeBytesMax;
    const make = (): Tables[TableName] =>
      sizeBytesMax === Infinity ? new OrderedTable() : new LongKeyTable(sizeBytesMax);
    return { current: make(), history: make(), revisions: make(), meta: make() };
  }

  #copyTables(tables: Tables): Tables {
    const copy = this.#emptyTables();
    for (const name of tableNames)
      for (const [key, value] of tables[name].range({})) copy[name].set(key, value);
    return copy;
  }

  async view(): Promise<BackendView> {
    await this.flush();
    await this.#checkOpen();
    const tables = this.#copyTables(this.#durable);
    const state = { ended: false };
    const end = (): void => {
      state.ended = true;
      this.#views.delete(end);
    };
    this.#views.add(end);
    return { position: this.#flushed, rows: () => this.#viewRows(tables, state), close: end };
  }

  *#viewRows(
    tables: Tables,
    state: { readonly ended: boolean },
  ): Generator<Row & { readonly table: TableName }> {
    for (const table of tableNames) {
      for (const [key, value] of tables[table].range({})) {
        if (state.ended) throw new DiskError('failed', 'the view is closed, or the state below it was');
        yield { table, key, value: this.#checked(value) };
      }
    }
  }

  async #checkOpen(): Promise<void> {
    if (this.#crashed) await new Promise<never>(() => {});
    if (this.#closed) throw new DiskError('failed', 'the state is closed');
  }

  #endViews(): void {
    for (const end of this.#views) end();
  }

  async beginInstall(): Promise<BackendInstall> {
    assert(!this.#installing, 'one installation at a time');
    this.#installing = true;
    await this.#checkOpen();
    const tables = this.#emptyTables();
    const state = { ended: false };
    const begin = async (operation: BackendOperation): Promise<void> => {
      await this.#begin(operation);
      if (state.ended) throw new DiskError('failed', 'the installation has ended');
    };
    const end = (): void => {
      if (!state.ended) this.#installing = false;
      state.ended = true;
    };
    return {
      add: async (table, key, value) => {
        checkPair(key, value);
        await begin('add');
        tables[table].set(key, value);
      },
      activate: async (position, switched) => {
        await begin('activate');
        end();
        this.#replace(tables, position, switched);
      },
      abort: async () => {
        await Promise.resolve();
        end();
      },
    };
  }

  #replace(tables: Tables, position: AppliedPosition, switched: () => void): void {
    this.#endViews();
    this.#durable = tables;
    this.#live = this.#copyTables(tables);
    this.#changes = [];
    this.#changesSizeBytes = 0;
    this.#unflushed = [];
    this.#backlogSizeBytes = 0;
    this.#rotten.clear();
    this.#applied = this.#flushed = position;
    switched();
    this.#listener();
  }

  async close({ flush = true } = {}): Promise<void> {
    if (flush) await this.flush();
    this.#closed = true;
    this.#endViews();
  }
}

/** A value that only grew, in the same memory, holds no more than what was added. */
function sharedSizeBytes(before: Uint8Array | undefined, value: Uint8Array): number {
  const isSame = before?.buffer === value.buffer && before.byteOffset === value.byteOffset;
  return isSame ? Math.min(before.length, value.length) : 0;
}
