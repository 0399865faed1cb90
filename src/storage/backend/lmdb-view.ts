import {
  tableNames,
  type AppliedPosition,
  type BackendView,
  type Row,
  type TableName,
} from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { LmdbEnvironment, ReadTransaction } from './lmdb-environment.js';

/**
 * A read transaction held open. It is ended before its environment is closed: LMDB would read memory that is no
 * longer mapped.
 */
export class LmdbView implements BackendView {
  readonly position: AppliedPosition;
  readonly #environment: LmdbEnvironment;
  readonly #transaction: ReadTransaction;
  readonly #onClose: () => void;
  readonly #iterators = new Set<Iterator<Row>>();
  #closed = false;

  constructor(environment: LmdbEnvironment, onClose: () => void) {
    this.#environment = environment;
    this.#transaction = environment.beginRead();
    this.#onClose = onClose;
    // Another batch may be on disk already, and not yet reported.
    this.position = environment.position(this.#transaction);
  }

  *rows(): Generator<Row & { readonly table: TableName }> {
    for (const table of tableNames) {
      this.#checkOpen();
      const rows = this.#environment.range(table, {}, this.#transaction)[Symbol.iterator]();
      this.#iterators.add(rows);
      try {
        for (let row = rows.next(); row.done !== true; row = rows.next()) {
          yield { table, key: row.value.key, value: row.value.value };
          this.#checkOpen();
        }
      } finally {
        if (this.#iterators.delete(rows)) rows.return?.();
      }
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new DiskError('failed', 'the view is closed, or the state below it was');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const rows of this.#iterators) rows.return?.();
    this.#iterators.clear();
    this.#transaction.done();
    this.#onClose();
  }
}
