import { assert } from '../../base/assert.js';
import { compareBytes, emptyBytes } from '../../base/bytes.js';
import {
  tableNames,
  type AppliedPosition,
  type RangeOptions,
  type Row,
  type TableName,
} from '../../ports/backend.js';
import { OrderedTable } from './ordered-table.js';

/** A change to one key; undefined removes it. */
export interface Change {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** The newest change of a key, and the transaction that brings it to disk. No value: the key is removed. */
interface Held {
  value: Uint8Array | undefined;
  readonly transaction: number;
}

/** Whole batches that become durable together. */
interface Transaction {
  readonly number: number;
  /** Of its last batch. */
  position: AppliedPosition | undefined;
  keys: number;
  sizeBytes: number;
  /** Its changes of keys that a later transaction changes again. */
  readonly superseded: Change[];
}

export type SealedTransaction = Readonly<Transaction> & { readonly position: AppliedPosition };

/** What a change costs besides its bytes, in the count of bytes held. */
const changeOverheadBytes = 64;

/**
 * What is applied and not yet on disk, for reads: the newest change of each key. For the disk: the changes are
 * divided into transactions, an open one that takes more and sealed ones that wait, oldest first.
 */
export class Backlog {
  readonly #tables = Object.fromEntries(tableNames.map((name) => [name, new OrderedTable<Held>()])) as Record<
    TableName,
    OrderedTable<Held>
  >;
  #open = emptyTransaction(1);
  #sealed: SealedTransaction[] = [];
  #sizeBytes = 0;
  #midBatch = false;

  /** Between a write and its commit: what is open is no state that a log entry ends with. */
  get midBatch(): boolean {
    return this.#midBatch;
  }

  /** Whether something was committed that is not sealed. */
  get hasOpen(): boolean {
    return this.#open.position !== undefined;
  }

  get openKeys(): number {
    return this.#open.keys;
  }

  get openSizeBytes(): number {
    return this.#open.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Transactions are counted from 1: sealed up to and with this one. */
  get sealedCount(): number {
    return this.#open.number - 1;
  }

  /** On disk up to and with this one. */
  get doneCount(): number {
    return this.sealedCount - this.#sealed.length;
  }

  set(table: TableName, key: Uint8Array, value: Uint8Array | undefined): void {
    this.#midBatch = true;
    const held = this.#tables[table].get(key);
    const { number } = this.#open;
    if (held?.transaction === number) {
      this.#grow((value?.length ?? 0) - (held.value?.length ?? 0));
      held.value = value;
      return;
    }
    this.#tables[table].set(key, { value, transaction: number });
    this.#open.keys++;
    this.#grow(key.length + (value?.length ?? 0) + changeOverheadBytes);
    if (held === undefined) return;
    const earlier = this.#sealed[held.transaction - this.doneCount - 1];
    assert(earlier?.number === held.transaction, 'what is held is not yet on disk');
    earlier.superseded.push({ table, key, value: held.value });
  }

  #grow(sizeBytes: number): void {
    this.#open.sizeBytes += sizeBytes;
    this.#sizeBytes += sizeBytes;
  }

  commit(position: AppliedPosition): void {
    this.#midBatch = false;
    this.#open.position = position;
  }

  /** Closes the open transaction, if there is anything committed in it. Only between batches. */
  seal(): void {
    assert(!this.#midBatch, 'a transaction ends with a whole batch');
    const { position } = this.#open;
    if (position === undefined) return;
    this.#sealed.push(Object.assign(this.#open, { position }));
    this.#open = emptyTransaction(this.#open.number + 1);
  }

  /** The oldest that is not on disk. */
  next(): SealedTransaction | undefined {
    return this.#sealed[0];
  }

  /** Its changes, one of each key; nearly all of them in the order of tables and keys. */
  changesOf(transaction: SealedTransaction): Change[] {
    const changes: Change[] = [];
    for (const table of tableNames) {
      this.#tables[table].forEach((key, held) => {
        if (held.transaction === transaction.number) changes.push({ table, key, value: held.value });
      });
    }
    for (const change of transaction.superseded) changes.push(change);
    return changes;
  }

  /** next() is on disk. */
  done(): void {
    const transaction = this.#sealed.shift();
    assert(transaction !== undefined, 'something was sealed');
    this.#sizeBytes -= transaction.sizeBytes;
    for (const table of tableNames) {
      this.#tables[table].removeWhere((held) => held.transaction <= transaction.number);
    }
  }

  /** Forgets everything: the content below was replaced. */
  clear(): void {
    for (const table of tableNames) this.#tables[table].clear();
    this.#open = emptyTransaction(this.#open.number + 1);
    this.#sealed = [];
    this.#sizeBytes = 0;
    this.#midBatch = false;
  }

  /** @returns undefined: says nothing of the key; null: it is removed */
  get(table: TableName, key: Uint8Array): Uint8Array | null | undefined {
    const held = this.#tables[table].get(key);
    return held === undefined ? undefined : (held.value ?? null);
  }

  /** Lays what is here over the rows of what is below, both in the order of `options`. */
  over(table: TableName, options: RangeOptions, below: Iterable<Row>): Iterable<Row> {
    if (this.#tables[table].size === 0) return below;
    return merge(this.#tables[table].range(options), below, options);
  }
}

function emptyTransaction(number: number): Transaction {
  return { number, position: undefined, keys: 0, sizeBytes: 0, superseded: [] };
}

function* merge(
  above: Generator<readonly [Uint8Array, Held]>,
  below: Iterable<Row>,
  { reverse, withRemoved }: RangeOptions,
): Generator<Row> {
  const direction = reverse === true ? -1 : 1;
  let top = above.next();
  for (const row of below) {
    let shadowed = false;
    while (top.done !== true) {
      const [key, { value }] = top.value;
      const order = direction * compareBytes(key, row.key);
      if (order > 0) break;
      if (value !== undefined) yield { key, value };
      else if (withRemoved === true) yield { key, value: emptyBytes, removed: true };
      top = above.next();
      if (order === 0) {
        shadowed = true;
        break;
      }
    }
    if (!shadowed) yield row;
  }
  for (; top.done !== true; top = above.next()) {
    const [key, { value }] = top.value;
    if (value !== undefined) yield { key, value };
    else if (withRemoved === true) yield { key, value: emptyBytes, removed: true };
  }
}
