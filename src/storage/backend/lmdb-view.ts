import { keyAfter } from '../../base/bytes.js';
import {
  tableNames,
  type AppliedPosition,
  type BackendView,
  type Row,
  type TableRow,
} from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { LmdbEnvironment, ReadTransaction } from './lmdb-environment.js';

/**
 * A read transaction held open. It is ended before its environment is closed: LMDB would read memory that is no
 * longer mapped.
 */
export class LmdbView implements BackendView {
  readonly position: AppliedPosition;
  readonly sizeBytesEstimated: number;
  readonly #environment: LmdbEnvironment;
  readonly #transaction: ReadTransaction;
  readonly #onClose: () => void;
  readonly #iterators = new Set<Iterator<Row>>();
  /** As it was opened. */
  readonly #fileSizeBytes: number;
  #isFormer = false;
  #closed = false;

  constructor(environment: LmdbEnvironment, onClose: () => void) {
    this.#environment = environment;
    this.#transaction = environment.beginRead();
    this.#onClose = onClose;
    try {
      // Another batch may be on disk already, and not yet reported.
      this.position = environment.position(this.#transaction);
      this.sizeBytesEstimated = environment.usedSizeBytes();
      this.#fileSizeBytes = environment.sizeBytes();
    } catch (error) {
      this.#transaction.done();
      throw error;
    }
  }

  *rows(behind?: Pick<TableRow, 'table' | 'key'>): Generator<TableRow> {
    for (const table of tableNames.slice(behind && tableNames.indexOf(behind.table))) {
      this.#checkOpen();
      const start = behind?.table === table ? keyAfter(behind.key) : undefined;
      const rows = this.#environment.range(table, { start }, this.#transaction)[Symbol.iterator]();
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

  /** Another environment took the place of this one, which is kept for its views alone. */
  outlived(): void {
    this.#isFormer = true;
  }

  /** What the file has grown by, and the state in it has not; all of a file that is kept for views alone. */
  pinnedSizeBytes(): number {
    if (this.#closed) return 0;
    if (this.#isFormer) return this.#environment.sizeBytes();
    const grownBytes = this.#environment.sizeBytes() - this.#fileSizeBytes;
    if (grownBytes <= 0) return 0;
    return Math.max(0, grownBytes - Math.max(0, this.#environment.usedSizeBytes() - this.sizeBytesEstimated));
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
