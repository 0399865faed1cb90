import { keyAfter } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import {
  tableNames,
  type AppliedPosition,
  type RangeOptions,
  type Row,
  type TableName,
  type TableRow,
} from '../../ports/backend.js';
import type { Change } from './backlog.js';
import type { FlushTarget } from './flusher.js';
import { LongKeyTable } from './long-key-table.js';
import { OrderedTable } from './ordered-table.js';

type Tables = Record<TableName, OrderedTable<Uint8Array> | LongKeyTable>;

/** What a disk would hold: all tables as of one position. Longer keys than fit stand in chunks, as in LMDB. */
export class MemoryRows implements FlushTarget {
  readonly #keySizeBytesMax: number;
  readonly #tables: Tables;
  #position: AppliedPosition;
  /** Of keys and values. */
  #sizeBytes = 0;
  /** Of all that was ever written. */
  #writtenBytes = 0;
  /** As of Backend. */
  installedAt: AppliedPosition | undefined;
  /** Values in the tables that were changed since they were written. */
  readonly #rotten: Set<Uint8Array>;
  /** Called when a read meets a row that has changed, before it is refused. */
  damageMet: () => void = () => {};

  /** @param keySizeBytesMax Infinity: no key is cut into chunks */
  constructor(keySizeBytesMax: number, position: AppliedPosition, rotten: Iterable<Uint8Array> = []) {
    this.#keySizeBytesMax = keySizeBytesMax;
    this.#position = position;
    this.#rotten = new Set(rotten);
    const make = (): Tables[TableName] =>
      keySizeBytesMax === Infinity ? new OrderedTable() : new LongKeyTable(keySizeBytesMax);
    this.#tables = { current: make(), history: make(), revisions: make(), meta: make() };
  }

  copy(): MemoryRows {
    const copy = new MemoryRows(this.#keySizeBytesMax, this.#position, this.#rotten);
    for (const name of tableNames) {
      for (const [key, value] of this.#tables[name].range({})) copy.set(name, key, value);
    }
    copy.damageMet = this.damageMet;
    copy.installedAt = this.installedAt;
    return copy;
  }

  position(): AppliedPosition {
    return this.#position;
  }

  sizeBytes(): number {
    return this.#sizeBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const value = this.#tables[table].get(key);
    return value === undefined ? undefined : this.#checked(value);
  }

  *range(table: TableName, options: RangeOptions): Generator<Row> {
    const { valueBytesMax = Infinity } = options;
    for (const [key, stored] of this.#tables[table].range(options)) {
      const value = this.#checked(stored);
      if (value.length <= valueBytesMax) yield { key, value };
      else yield { key, value: value.subarray(0, valueBytesMax), wholeSizeBytes: value.length };
    }
  }

  *all(behind?: Pick<TableRow, 'table' | 'key'>): Generator<TableRow> {
    for (const table of tableNames.slice(behind && tableNames.indexOf(behind.table))) {
      const start = behind?.table === table ? keyAfter(behind.key) : undefined;
      for (const { key, value } of this.range(table, { start })) yield { table, key, value };
    }
  }

  /** Outside of transactions: of what is made as a whole. @returns whether the key is new */
  set(table: TableName, key: Uint8Array, value: Uint8Array): boolean {
    const before = this.#tables[table].set(key, value);
    this.#sizeChanged(key, before, value);
    return before === undefined;
  }

  #sizeChanged(key: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const sizeOf = (value: Uint8Array | undefined): number =>
      value === undefined ? 0 : key.length + value.length;
    this.#sizeBytes += sizeOf(after) - sizeOf(before);
    this.#writtenBytes += sizeOf(after);
  }

  write(changes: readonly Change[], position: AppliedPosition): Promise<void> {
    for (const { table, key, value } of changes) {
      const rows = this.#tables[table];
      let before: Uint8Array | undefined;
      if (rows instanceof LongKeyTable) {
        before = rows.get(key);
        rows.add(key, value);
      } else before = value === undefined ? rows.delete(key) : rows.set(key, value);
      if (before !== undefined) this.#rotten.delete(before);
      this.#sizeChanged(key, before, value);
    }
    for (const name of tableNames) {
      const rows = this.#tables[name];
      if (rows instanceof LongKeyTable) rows.writeAdded();
    }
    this.#position = position;
    return Promise.resolve();
  }

  /** Some row is one that has changed. */
  get holdsRot(): boolean {
    return this.#rotten.size > 0;
  }

  /**
   * Changes a bit in one of the rows, where there are any.
   * @param choose a whole number below what it is given
   * @returns what was changed, for people
   */
  flipBit(choose: (below: number) => number): string | undefined {
    const rows = tableNames.flatMap((table) =>
      [...this.#tables[table].range({})].map(([key, value]) => ({ table, key, value })),
    );
    if (rows.length === 0) return undefined;
    const { table, key, value } = rows[choose(rows.length)]!;
    const changed = value.slice();
    if (changed.length > 0) changed[choose(changed.length)]! ^= 1 << choose(8);
    this.#tables[table].set(key, changed);
    this.#rotten.add(changed);
    return `${table} ${Buffer.from(key).toString('latin1')}`;
  }

  #checked(value: Uint8Array): Uint8Array {
    if (this.#rotten.size === 0 || !this.#rotten.has(value)) return value;
    this.damageMet();
    throw new KvorumError('DATA_DAMAGED', 'the state holds a row that is not as it was written');
  }
}
