import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.js';
import { compareBytes, emptyBytes, readUint32, uninitialisedBytes, writeUint32 } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import {
  keySizeBytesMax,
  tableNames,
  valueSizeBytesMax,
  type BackendView,
  type TableRow,
} from '../../ports/backend.js';
import type { SnapshotChunk, SnapshotEnd, SnapshotPlace } from '../../ports/peers.js';

/** A row: number of its table, sizes of key and value (u32, little-endian), key, value. */
const rowHeadSizeBytes = 9;

/** Of one chunk: reading rows takes time, however short they are. */
export const chunkRowsMax = 1024;

type RowKey = Pick<TableRow, 'table' | 'key'>;

export function rowSizeBytes({ key, value }: TableRow): number {
  return rowHeadSizeBytes + key.length + value.length;
}

/** @returns where the row ends */
export function writeRow(bytes: Uint8Array, at: number, { table, key, value }: TableRow): number {
  bytes[at] = tableNames.indexOf(table);
  writeUint32(bytes, at + 1, key.length);
  writeUint32(bytes, at + 5, value.length);
  bytes.set(key, at + rowHeadSizeBytes);
  bytes.set(value, at + rowHeadSizeBytes + key.length);
  return at + rowHeadSizeBytes + key.length + value.length;
}

/** Where a chunk ends: how the stream is gone on from there. */
interface Mark {
  readonly chunks: number;
  readonly sum: number;
  readonly rows: number;
  readonly sizeBytes: number;
  /** The last row that is in it as a whole. */
  readonly behind: RowKey | undefined;
  /** Of the next row, so much is in it. */
  readonly partBytes: number;
}

const begin: Mark = { chunks: 0, sum: 0, rows: 0, sizeBytes: 0, behind: undefined, partBytes: 0 };

/**
 * The rows of a view as chunks, each with the sum of all so far. The same view gives the same chunks again, and can be gone
 * on with from its begin, and from behind each chunk that the other end is not known to have.
 */
export class RowEncoder {
  readonly #view: BackendView;
  readonly #chunkSizeBytes: number;
  /** Of chunks that are not known to be taken, and the last one that is; ascending. */
  #marks: Mark[] = [begin];
  #at: Mark = begin;
  #rows: Iterator<TableRow>;
  /** The row that did not fit, and how much of it is sent. */
  #part: { readonly row: TableRow; readonly bytes: Uint8Array; sentBytes: number } | undefined;

  constructor(view: BackendView, chunkSizeBytes: number) {
    assert(chunkSizeBytes > 0, 'a chunk holds something');
    this.#view = view;
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#rows = view.rows()[Symbol.iterator]();
  }

  /** Of the stream, up to where it stands: what is gone back over is made again. */
  get sizeBytes(): number {
    return this.#at.sizeBytes;
  }

  /** @returns false: this stream was never there, or that is long ago */
  resume({ chunks, sum }: SnapshotPlace): boolean {
    const mark = [begin, ...this.#marks].findLast((each) => each.chunks === chunks && each.sum === sum);
    if (mark === undefined) return false;
    this.#rows.return?.();
    this.#at = mark;
    this.#marks = [mark];
    this.#rows = this.#view.rows(mark.behind)[Symbol.iterator]();
    this.#part = undefined;
    if (mark.partBytes > 0) {
      const next = this.#rows.next();
      assert(next.done !== true, 'a view shows the same rows again');
      this.#part = { ...encoded(next.value), sentBytes: mark.partBytes };
    }
    return true;
  }

  /** The other end has so many chunks. */
  taken(chunks: number): void {
    const at = this.#marks.findIndex((each) => each.chunks === chunks);
    if (at > 0) this.#marks.splice(0, at);
  }

  /** @throws what reading the view throws */
  next(): SnapshotChunk | SnapshotEnd {
    const bytes = uninitialisedBytes(this.#chunkSizeBytes);
    let { rows, behind } = this.#at;
    const rowsMax = rows + chunkRowsMax;
    let at = 0;
    while (at < bytes.length && rows < rowsMax) {
      if (this.#part === undefined) {
        const next = this.#rows.next();
        if (next.done === true) break;
        const row = next.value;
        if (rowSizeBytes(row) <= bytes.length - at) {
          at = writeRow(bytes, at, row);
          rows++;
          behind = row;
          continue;
        }
        this.#part = { ...encoded(row), sentBytes: 0 };
      }
      const part = this.#part;
      const sent = part.bytes.subarray(part.sentBytes, part.sentBytes + bytes.length - at);
      bytes.set(sent, at);
      at += sent.length;
      part.sentBytes += sent.length;
      if (part.sentBytes < part.bytes.length) break;
      this.#part = undefined;
      rows++;
      behind = part.row;
    }
    const { chunks, sum } = this.#at;
    if (at === 0) return { chunks, sum, rows };
    return this.#made(bytes.subarray(0, at), rows, behind);
  }

  #made(bytes: Uint8Array, rows: number, last: RowKey | undefined): SnapshotChunk {
    const behind = last && { table: last.table, key: last.key };
    const [chunks, sum] = [this.#at.chunks + 1, crc32(bytes, this.#at.sum)];
    const sizeBytes = this.#at.sizeBytes + bytes.length;
    this.#at = { chunks, sum, rows, sizeBytes, behind, partBytes: this.#part?.sentBytes ?? 0 };
    this.#marks.push(this.#at);
    return { number: chunks, bytes, sum };
  }
}

function encoded(row: TableRow): { readonly row: TableRow; readonly bytes: Uint8Array } {
  const bytes = uninitialisedBytes(rowSizeBytes(row));
  writeRow(bytes, 0, row);
  return { row, bytes };
}

/** Takes the rows out of the chunks of one stream, and checks that they are what was sent, each once and in order. */
export class RowDecoder {
  #chunks = 0;
  #sum = 0;
  #rows = 0;
  #sizeBytes = 0;
  #last: RowKey | undefined;
  /** Of a row that is not whole yet, with room behind it. */
  #held: Uint8Array = emptyBytes;
  #heldBytes = 0;
  /** Nothing can be cut from what is held before there is so much. */
  #neededBytes = rowHeadSizeBytes;

  get place(): SnapshotPlace {
    return { chunks: this.#chunks, sum: this.#sum };
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * @returns the rows that the chunk completes, in memory of their own
   * @throws KvorumError DATA_DAMAGED
   */
  push({ number, bytes, sum }: SnapshotChunk): TableRow[] {
    if (bytes.length === 0) throw damaged(`chunk ${number} is empty`);
    if (number !== this.#chunks + 1) throw damaged(`chunk ${number} follows chunk ${this.#chunks}`);
    const found = crc32(bytes, this.#sum);
    if (found !== sum) throw damaged(`the sum of chunk ${number} is wrong`);
    this.#chunks = number;
    this.#sum = found;
    this.#sizeBytes += bytes.length;
    this.#hold(bytes);
    if (this.#heldBytes < this.#neededBytes) return [];
    return this.#cut(this.#held.subarray(0, this.#heldBytes));
  }

  /** In one piece, that grows by what comes: pieces as they come may be of a byte each. */
  #hold(bytes: Uint8Array): void {
    const sizeBytes = this.#heldBytes + bytes.length;
    if (sizeBytes > this.#held.length) {
      const grown = uninitialisedBytes(Math.max(sizeBytes, Math.min(this.#neededBytes, 2 * sizeBytes)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = sizeBytes;
  }

  #cut(bytes: Uint8Array): TableRow[] {
    const rows: TableRow[] = [];
    let at = 0;
    this.#neededBytes = rowHeadSizeBytes;
    while (at + rowHeadSizeBytes <= bytes.length) {
      const sizes = [readUint32(bytes, at + 1), readUint32(bytes, at + 5)] as const;
      const [keySizeBytes, valueSizeBytes] = sizes;
      const table = tableNames[bytes[at]!];
      if (table === undefined || keySizeBytes > keySizeBytesMax || valueSizeBytes > valueSizeBytesMax) {
        throw damaged('it holds a row that cannot be');
      }
      const keyAt = at + rowHeadSizeBytes;
      const end = keyAt + keySizeBytes + valueSizeBytes;
      if (end > bytes.length) {
        this.#neededBytes = end - at;
        break;
      }
      const valueAt = keyAt + keySizeBytes;
      const row = { table, key: bytes.subarray(keyAt, valueAt), value: bytes.subarray(valueAt, end) };
      if (!follows(row, this.#last)) throw damaged('its rows are not in order');
      this.#last = row;
      rows.push(row);
      at = end;
    }
    if (rows.length > chunkRowsMax) throw damaged(`chunk ${this.#chunks} ends ${rows.length} rows`);
    this.#rows += rows.length;
    // Little of it: it must not hold the memory of what is done with.
    this.#held = Uint8Array.prototype.slice.call(bytes, at);
    this.#heldBytes = this.#held.length;
    return rows;
  }

  /** @throws KvorumError DATA_DAMAGED: it is not all that there was */
  end({ chunks, sum, rows }: SnapshotEnd): void {
    if (chunks !== this.#chunks || sum !== this.#sum) throw damaged('its end is of another stream');
    if (this.#heldBytes > 0) throw damaged('it ends in the middle of a row');
    if (rows !== this.#rows) throw damaged(`${this.#rows} of its ${rows} rows are here`);
  }
}

function follows(row: RowKey, last: RowKey | undefined): boolean {
  if (last === undefined) return row.key.length > 0;
  if (row.table === last.table) return compareBytes(row.key, last.key) > 0;
  return tableNames.indexOf(row.table) > tableNames.indexOf(last.table) && row.key.length > 0;
}

function damaged(how: string): KvorumError {
  return new KvorumError('DATA_DAMAGED', `the snapshot arrived damaged, and is sent anew: ${how}`);
}
