import type { ByteWriter } from '../../base/byte-stream.js';
import { ByteReader } from '../../base/byte-stream.js';
import { KvorumError } from '../../base/errors.js';
import { keySizeBytesMax, tableNames, valueSizeBytesMax, type TableName } from '../../ports/backend.js';

/** A snapshot file is a row after row of (table, key, value), each with lengths, to the end. */
export interface SnapshotRow {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function writeRow(writer: ByteWriter, row: SnapshotRow): void {
  writer.uint8(tableNames.indexOf(row.table)).uint32(row.key.length).uint32(row.value.length);
  writer.raw(row.key).raw(row.value);
}

const rowHeadSizeBytes = 9;

/** Takes whole rows from the front of what has been read so far. */
export class RowReader {
  #left: Uint8Array = new Uint8Array(0);

  /**
   * @returns the rows that `bytes` completes; they are copies
   * @throws KvorumError DATA_DAMAGED
   */
  push(bytes: Uint8Array): SnapshotRow[] {
    const all = new Uint8Array(this.#left.length + bytes.length);
    all.set(this.#left);
    all.set(bytes, this.#left.length);
    const rows: SnapshotRow[] = [];
    let at = 0;
    while (at + rowHeadSizeBytes <= all.length) {
      const reader = new ByteReader(all, at);
      const table = tableNames[reader.uint8()];
      const keySizeBytes = reader.uint32();
      const valueSizeBytes = reader.uint32();
      if (table === undefined || keySizeBytes > keySizeBytesMax || valueSizeBytes > valueSizeBytesMax) {
        throw new KvorumError('DATA_DAMAGED', 'the snapshot holds a row that cannot be');
      }
      const end = at + rowHeadSizeBytes + keySizeBytes + valueSizeBytes;
      if (end > all.length) break;
      rows.push({ table, key: reader.raw(keySizeBytes), value: reader.raw(valueSizeBytes) });
      at = end;
    }
    this.#left = all.subarray(at);
    return rows;
  }

  /** Whether the last row was whole. */
  get complete(): boolean {
    return this.#left.length === 0;
  }
}
