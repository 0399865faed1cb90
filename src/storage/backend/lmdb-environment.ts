import { statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { concatBytes, zeroByte } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import {
  tableNames,
  type AppliedPosition,
  type RangeOptions,
  type Row,
  type TableName,
} from '../../ports/backend.js';
import type { Change } from './backlog.js';
import type { FlushTarget } from './flusher.js';
import { damaged, databaseFile } from './lmdb-database-file.js';
import { LongKeyChanges } from './long-key-changes.js';
import { decodeLevel, encodeLevel, LongKeys, topLevel, type ShortKeyReader } from './long-keys.js';
import { checkedValue, rowSumSizeBytes, withSum } from './row-sums.js';
import { headEncoder, LargeValueHead, smallValueSizeBytesMax } from './value-heads.js';

type Table = Database<Uint8Array, Uint8Array>;
type HeadTable = Database<Uint8Array | LargeValueHead, Uint8Array>;
export type ReadTransaction = ReturnType<Table['useReadTransaction']>;

/** What lmdb-js says of the pages of a tree. */
interface TreeStats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** Of a table, and with it of the two trees that all tables and all free pages hang on. */
interface TableStats extends TreeStats {
  readonly root: TreeStats;
  readonly free: TreeStats;
}

const metaPages = 2;

/** LMDB takes keys of 1,978 bytes; below a level, 8 of them name the level, and a pointer has its mark. */
const chunkSizeBytes = 1960;
const positionKey = Buffer.from('position');
const installedKey = Buffer.from('installed');
const levelsKey = Buffer.from('levels');
const formatKey = Buffer.from('format');
/** Of what stands below the state's own rows: keys, long keys, sums. */
export const layoutVersion = 1;
const longSuffix = '-long';

/**
 * One LMDB environment: the tables, what long keys need besides, and the applied position. All writes go
 * through write(), one transaction each, committed and synced by LMDB's own writer thread. Every row has a sum, and
 * whatever reads one that does not fit its sum throws KvorumError DATA_DAMAGED.
 *
 * LMDB does not survive what Node's own objects do: no view may be open when the environment is closed.
 */
export class LmdbEnvironment implements FlushTarget {
  readonly path: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #own: Table;
  readonly #tables: Readonly<Record<TableName, { readonly plain: Table; readonly long: Table }>>;
  /** The same tables, opened again for reads that want little of large values. */
  readonly #heads: Readonly<Record<TableName, { readonly plain: HeadTable; readonly long: HeadTable }>>;
  readonly #longKeys = new LongKeys(chunkSizeBytes);
  /** Of this life: it is written with whatever is first. */
  #saysLayout = false;
  /** Read when the first long key is written. */
  #levels: bigint | undefined;
  #closed: Promise<void> | undefined;

  /** @param options.durable false: nothing is synced, for an environment that is made so as a whole */
  constructor(path: string, options: { readonly durable: boolean }) {
    this.path = path;
    const encoding = { keyEncoding: 'binary', encoding: 'binary' } as const;
    this.#root = open<Uint8Array, Uint8Array>({
      path,
      maxDbs: 2 * tableNames.length + 2,
      // The commit itself syncs, in the writer thread: a resolved write is durable.
      overlappingSync: false,
      noSync: !options.durable,
      // Each write() is a batch of its own. lmdb-js would open another around it, whose failure nobody could catch.
      eventTurnBatching: false,
      noMemInit: true,
      noSubdir: false,
      cache: false,
      ...encoding,
    });
    const table = (name: string): Table => this.#root.openDB<Uint8Array, Uint8Array>({ name, ...encoding });
    this.#own = table('kvorum');
    this.#tables = Object.fromEntries(
      tableNames.map((name) => [name, { plain: table(name), long: table(name + longSuffix) }]),
    ) as Record<TableName, { plain: Table; long: Table }>;
    const heads = (name: string): HeadTable => {
      // lmdb-js has the option in its documentation, and not in its types.
      const options = { name, keyEncoding: 'binary', encoder: headEncoder } as const;
      return this.#root.openDB<Uint8Array | LargeValueHead, Uint8Array>(options);
    };
    this.#heads = Object.fromEntries(
      tableNames.map((name) => [name, { plain: heads(name), long: heads(name + longSuffix) }]),
    ) as Record<TableName, { plain: HeadTable; long: HeadTable }>;
  }

  /** The newest, or the one that a read transaction sees. */
  position(transaction?: ReadTransaction): AppliedPosition {
    const bytes = this.#get(this.#own, positionKey, transaction);
    return bytes === undefined ? { index: 0, term: 0 } : decodePosition(bytes);
  }

  /** Of what it was made of, if that came from another member. */
  installedAt(): AppliedPosition | undefined {
    const bytes = this.#get(this.#own, installedKey, undefined);
    return bytes === undefined ? undefined : decodePosition(bytes);
  }

  /** Of the tables, without what long keys need besides. Costs no walk. */
  rowCount(): number {
    const tables = Object.values(this.#tables);
    return tables.reduce(
      (sum, { plain }) => sum + (plain.getStats() as { entryCount: number }).entryCount,
      0,
    );
  }

  /** Some row has a key that stands in chunks. */
  get hasLongKeys(): boolean {
    return this.#newestLevel() > topLevel;
  }

  /** @throws KvorumError DATA_FOLDER_MISMATCH, for a layout that this version does not read */
  checkLayout(): void {
    const stored = this.#get(this.#own, formatKey, undefined);
    if (this.position().index === 0 && stored === undefined) return;
    const version = stored?.[0] ?? 0;
    if (version === layoutVersion) return;
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `${join(this.path, databaseFile)} has layout ${version}, this version reads ${layoutVersion}: start it with the version that wrote it`,
    );
  }

  sizeBytes(): number {
    try {
      return statSync(join(this.path, databaseFile)).size;
    } catch {
      return 0;
    }
  }

  /** Of the pages that hold something; the others of the file are free. Costs no walk. */
  usedSizeBytes(): number {
    const tables = [this.#own, ...Object.values(this.#tables).flatMap(({ plain, long }) => [plain, long])];
    const stats = tables.map((table) => table.getStats() as TableStats);
    const [{ root, free, pageSize }] = stats as [TableStats, ...TableStats[]];
    const pages = [...stats, root, free].reduce(
      (sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
      metaPages,
    );
    return pages * pageSize;
  }

  get(name: TableName, key: Uint8Array): Uint8Array | undefined {
    // Nearly all keys are short: no detour for them.
    if (key.length <= chunkSizeBytes) return this.#get(this.#tables[name].plain, key, undefined);
    return this.#longKeys.get(this.#reader(name, undefined), key);
  }

  range(name: TableName, options: RangeOptions, transaction?: ReadTransaction): Iterable<Row> {
    // LMDB takes an empty bound for none.
    if (options.end?.length === 0) return [];
    const start = options.start?.length === 0 ? undefined : options.start;
    const reader = this.#reader(name, transaction, options.valueBytesMax);
    return this.#longKeys.range(reader, { ...options, start });
  }

  beginRead(): ReadTransaction {
    return this.#own.useReadTransaction();
  }

  #reader(
    name: TableName,
    transaction: ReadTransaction | undefined,
    valueBytesMax = Infinity,
  ): ShortKeyReader {
    const { plain, long } = this.#tables[name];
    const ranges =
      valueBytesMax < smallValueSizeBytesMax - rowSumSizeBytes ? this.#heads[name] : this.#tables[name];
    const get = (table: Table, key: Uint8Array): Uint8Array | undefined => this.#get(table, key, transaction);
    const range = (table: Table | HeadTable, options: RangeOptions): Generator<Row> =>
      this.#range(table, options, transaction, valueBytesMax);
    return {
      get: (level, key) => (level === topLevel ? get(plain, key) : get(long, inLevel(level, key))),
      range: (level, options) =>
        level === topLevel
          ? range(ranges.plain, options)
          : withoutLevel(range(ranges.long, inLevelBounds(level, options))),
      keys: (level) => keysOfLevel(long, level),
    };
  }

  #get(table: Table, key: Uint8Array, transaction: ReadTransaction | undefined): Uint8Array | undefined {
    const stored = transaction === undefined ? table.get(key) : table.get(key, { transaction });
    return stored === undefined ? undefined : this.#checked(key, stored);
  }

  *#range(
    table: Table | HeadTable,
    { start, end, reverse }: RangeOptions,
    transaction: ReadTransaction | undefined,
    valueBytesMax: number,
  ): Generator<Row> {
    const pinned = transaction === undefined ? {} : { transaction };
    for (const { key, value } of table.getRange({ ...lmdbBounds(start, end, reverse === true), ...pinned })) {
      if (value instanceof LargeValueHead) {
        const wholeSizeBytes = value.storedSizeBytes - rowSumSizeBytes;
        yield { key, value: value.bytes.subarray(0, valueBytesMax), wholeSizeBytes };
      } else yield { key, value: this.#checked(key, value) };
    }
  }

  #checked(key: Uint8Array, stored: Uint8Array): Uint8Array {
    const value = checkedValue(key, stored);
    if (value !== undefined) return value;
    throw damaged(join(this.path, databaseFile), 'holds a row that is not as it was written');
  }

  /**
   * Makes `changes` and `position` durable together, or neither. Off the event loop.
   * @param installedAt of what came from another member, once all of it is there
   */
  async write(
    changes: readonly Change[],
    position: AppliedPosition,
    installedAt?: AppliedPosition,
  ): Promise<void> {
    // What this throws must not be thrown in the middle of the batch, which would keep what it has so far.
    const longRows = this.#longRows(changes);
    const written = this.#root.batch(() => {
      for (const { table, key, value } of changes) {
        if (key.length <= chunkSizeBytes) put(this.#tables[table].plain, key, value);
      }
      for (const { table, key, value } of longRows) put(table, key, value);
      if (!this.#saysLayout) put(this.#own, formatKey, Uint8Array.of(layoutVersion));
      if (installedAt !== undefined) put(this.#own, installedKey, encodePosition(installedAt));
      put(this.#own, positionKey, encodePosition(position));
    });
    try {
      await written;
      this.#saysLayout = true;
    } catch (error) {
      throw await commitErrorOf(error);
    }
  }

  #longRows(changes: readonly Change[]): { table: Table; key: Uint8Array; value: Uint8Array | undefined }[] {
    const changed = new Map<TableName, LongKeyChanges>();
    const before = this.#levels;
    for (const { table, key, value } of changes) {
      if (key.length <= chunkSizeBytes) continue;
      let longKeys = changed.get(table);
      if (longKeys === undefined) {
        longKeys = new LongKeyChanges(this.#longKeys, this.#reader(table, undefined), () => this.#newLevel());
        changed.set(table, longKeys);
      }
      longKeys.change(key, value);
    }
    const rows = [];
    for (const [name, longKeys] of changed) {
      const { plain, long } = this.#tables[name];
      for (const { level, key, value } of longKeys.rows()) {
        rows.push(
          level === topLevel
            ? { table: plain, key, value }
            : { table: long, key: inLevel(level, key), value },
        );
      }
    }
    if (this.#levels !== before) {
      rows.push({ table: this.#own, key: levelsKey, value: encodeLevel(this.#levels!) });
    }
    return rows;
  }

  #newLevel(): bigint {
    this.#levels = this.#newestLevel() + 1n;
    return this.#levels;
  }

  #newestLevel(): bigint {
    if (this.#levels === undefined) {
      const stored = this.#get(this.#own, levelsKey, undefined);
      this.#levels = stored === undefined ? topLevel : decodeLevel(stored);
    }
    return this.#levels;
  }

  /** Harmless when repeated. */
  close(): Promise<void> {
    this.#closed ??= this.#root.close();
    return this.#closed;
  }
}

function encodePosition({ index, term }: AppliedPosition): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(BigInt(index), 0);
  bytes.writeBigUInt64BE(BigInt(term), 8);
  return bytes;
}

function decodePosition(bytes: Uint8Array): AppliedPosition {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { index: Number(view.getBigUint64(0)), term: Number(view.getBigUint64(8)) };
}

function put(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
  void (value === undefined ? table.remove(key) : table.put(key, withSum(key, value)));
}

/** lmdb-js says what went wrong by a promise that rejects, beside the error. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  return commitError === undefined ? error : await commitError.catch((reason: unknown) => reason);
}

function inLevel(level: bigint, key: Uint8Array): Uint8Array {
  return concatBytes([encodeLevel(level), key]);
}

function inLevelBounds(level: bigint, options: RangeOptions): RangeOptions {
  const { start, end } = options;
  return {
    ...options,
    start: inLevel(level, start ?? new Uint8Array(0)),
    end: end === undefined ? encodeLevel(level + 1n) : inLevel(level, end),
  };
}

function* withoutLevel(rows: Iterable<Row>): Generator<Row> {
  for (const row of rows) yield { ...row, key: row.key.subarray(8) };
}

/** Of one below the top. */
function* keysOfLevel(table: Table, level: bigint): Generator<Uint8Array> {
  const bounds = { start: encodeLevel(level), end: encodeLevel(level + 1n) };
  for (const key of table.getKeys(bounds)) yield key.subarray(8);
}

/** lmdb-js takes the bounds in the direction of travel: start inclusive, end exclusive, by flags where not. */
function lmdbBounds(start: Uint8Array | undefined, end: Uint8Array | undefined, reverse: boolean): object {
  if (!reverse) return { ...(start && { start }), ...(end && { end }) };
  return {
    reverse: true,
    ...(end && { start: end, exclusiveStart: true }),
    // Left out, lmdb-js would stop before the smallest key of all.
    end: start ?? zeroByte,
    inclusiveEnd: true,
  };
}
