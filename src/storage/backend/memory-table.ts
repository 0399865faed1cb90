import { compareBytes } from '../../base/bytes.js';
import { tableNames, type RangeOptions, type Row, type TableName } from '../../ports/backend.js';
import { OrderedTable } from './ordered-table.js';
import type { Change } from './lmdb-environment.js';

/** Removed, though the store below may still have it. */
const removed = Symbol('removed');
type Held = Uint8Array | typeof removed;

/** What a pair costs besides its bytes, in the count of bytes held. */
const pairOverheadBytes = 64;

/** Changes that are applied but not yet on disk, in key order. */
export class MemoryTable {
  readonly #tables = Object.fromEntries(tableNames.map((name) => [name, new OrderedTable<Held>()])) as Record<
    TableName,
    OrderedTable<Held>
  >;
  sizeBytes = 0;

  get size(): number {
    let size = 0;
    for (const name of tableNames) size += this.#tables[name].size;
    return size;
  }

  set(table: TableName, key: Uint8Array, value: Uint8Array | undefined): void {
    const before = this.#tables[table].set(key, value ?? removed);
    this.sizeBytes += (value?.length ?? 0) - (before === undefined || before === removed ? 0 : before.length);
    if (before === undefined) this.sizeBytes += key.length + pairOverheadBytes;
  }

  /** @returns undefined: says nothing of the key; null: it is removed */
  get(table: TableName, key: Uint8Array): Uint8Array | null | undefined {
    const held = this.#tables[table].get(key);
    return held === removed ? null : held;
  }

  *changes(): Generator<Change> {
    for (const table of tableNames) {
      for (const [key, held] of this.#tables[table].range({})) {
        yield { table, key, value: held === removed ? undefined : held };
      }
    }
  }

  /** Lays this table over the rows of what is below, both in the order of `options`. */
  over(table: TableName, options: RangeOptions, below: Iterable<Row>): Iterable<Row> {
    if (this.#tables[table].size === 0) return below;
    return merge(this.#tables[table].range(options), below, options.reverse === true ? -1 : 1);
  }
}

function* merge(
  above: Generator<readonly [Uint8Array, Held]>,
  below: Iterable<Row>,
  direction: 1 | -1,
): Generator<Row> {
  let top = above.next();
  for (const row of below) {
    let shadowed = false;
    while (top.done !== true) {
      const [key, held] = top.value;
      const order = direction * compareBytes(key, row.key);
      if (order > 0) break;
      if (held !== removed) yield { key, value: held };
      top = above.next();
      if (order === 0) {
        shadowed = true;
        break;
      }
    }
    if (!shadowed) yield row;
  }
  for (; top.done !== true; top = above.next()) {
    const [key, held] = top.value;
    if (held !== removed) yield { key, value: held };
  }
}
