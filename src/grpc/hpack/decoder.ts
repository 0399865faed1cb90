import { DynamicTable, entrySizeBytes, tableSizeBytesDefault } from './dynamic-table.js';
import { HpackError } from './error.js';
import { decodeHuffman } from './huffman.js';
import { BlockReader } from './integer.js';
import { staticLength, staticNames, staticValues } from './static-table.js';

export interface HeaderList {
  /** name, value, name, value, ... in their order; each a string of latin1, one character an octet. */
  readonly fields: readonly string[];
  /** Names, values and 32 octets a field, also of those that did not fit. */
  readonly sizeBytes: number;
  /** It was larger than `headerListSizeBytesMax`; `fields` holds what fitted. */
  readonly tooLarge: boolean;
}

export interface HpackDecoderOptions {
  /** What our SETTINGS_HEADER_TABLE_SIZE says. */
  readonly dynamicTableSizeBytesMax: number;
  /** What our SETTINGS_MAX_HEADER_LIST_SIZE says: names, values and 32 octets a field, uncompressed. */
  readonly headerListSizeBytesMax: number;
}

/** Decodes the header blocks of one connection, in their order (RFC 7541, sections 3.1 and 6). */
export class HpackDecoder {
  readonly #options: HpackDecoderOptions;
  readonly #table = new DynamicTable(tableSizeBytesDefault);
  readonly #reader = new BlockReader();
  /** Until our settings are acknowledged the peer may go by the default. */
  #tableSizeBytesLimit: number;
  #sizeUpdateDue = false;
  #generation = 0;
  #name = '';
  #value = '';

  constructor(options: HpackDecoderOptions) {
    this.#options = options;
    this.#tableSizeBytesLimit = Math.max(tableSizeBytesDefault, options.dynamicTableSizeBytesMax);
  }

  /**
   * Goes up with every change of the dynamic table, or of what a block must begin with. The same bytes mean the same fields as long as it stands
   * still; a block that moves it must be decoded each time.
   */
  get generation(): number {
    return this.#generation;
  }

  get tableSizeBytes(): number {
    return this.#table.sizeBytes;
  }

  /**
   * The peer has taken our settings: a table that is larger than they allow must be made smaller by the next
   * block (RFC 7541, section 4.2; RFC 9113, section 4.3.1).
   */
  settingsAcknowledged(): void {
    this.#tableSizeBytesLimit = this.#options.dynamicTableSizeBytesMax;
    this.#sizeUpdateDue = this.#table.sizeBytesMax > this.#tableSizeBytesLimit;
    if (this.#sizeUpdateDue) this.#generation++;
  }

  /**
   * Decodes a whole header block: bytes[from..to), CONTINUATION frames joined. A list that is too large is
   * decoded to its end, so that the table stays in step, but no more of it is kept.
   * @throws HpackError, a connection error of type COMPRESSION_ERROR
   */
  decode(block: Uint8Array, from: number, to: number): HeaderList {
    const reader = this.#reader;
    reader.bytes = asBuffer(block);
    reader.at = from;
    reader.end = to;
    const fields: string[] = [];
    const sizeBytesMax = this.#options.headerListSizeBytesMax;
    let sizeBytes = 0;
    this.#readSizeUpdates();
    while (reader.at < to) {
      this.#readField();
      sizeBytes += entrySizeBytes(this.#name, this.#value);
      if (sizeBytes <= sizeBytesMax) fields.push(this.#name, this.#value);
    }
    // A chunk of the connection is not kept in memory until the next block comes.
    reader.bytes = noBytes;
    return { fields, sizeBytes, tooLarge: sizeBytes > sizeBytesMax };
  }

  /** Section 6.3; they stand at the beginning of a block only (section 4.2). */
  #readSizeUpdates(): void {
    const reader = this.#reader;
    while (reader.at < reader.end && (reader.bytes[reader.at]! & 0xe0) === 0x20) {
      const sizeBytes = reader.integer(0x1f);
      if (sizeBytes > this.#tableSizeBytesLimit) {
        throw new HpackError(
          `a dynamic table of ${sizeBytes} bytes, ${this.#tableSizeBytesLimit} are allowed`,
        );
      }
      this.#sizeUpdateDue = false;
      this.#generation++;
      this.#table.sizeBytesMax = sizeBytes;
    }
    if (this.#sizeUpdateDue)
      throw new HpackError('the block does not begin with the size update that is due');
  }

  /** Sections 6.1 and 6.2: the next field to #name and #value. */
  #readField(): void {
    const reader = this.#reader;
    const first = reader.bytes[reader.at]!;
    if (first >= 0x80) {
      const index = reader.integer(0x7f);
      this.#name = this.#nameAt(index);
      this.#value =
        index <= staticLength ? staticValues[index]! : this.#table.valueAt(index - staticLength - 1);
    } else if (first >= 0x40) {
      this.#readLiteral(0x3f);
      this.#generation++;
      this.#table.insert(this.#name, this.#value);
    } else if (first >= 0x20) {
      throw new HpackError('a size update behind a field');
    } else {
      // Without indexing, or never indexed: no difference for one who does not pass it on.
      this.#readLiteral(0x0f);
    }
  }

  #readLiteral(mask: number): void {
    const index = this.#reader.integer(mask);
    this.#name = index === 0 ? this.#readString() : this.#nameAt(index);
    this.#value = this.#readString();
  }

  #nameAt(index: number): string {
    if (index === 0) throw new HpackError('the index is 0');
    if (index <= staticLength) return staticNames[index]!;
    const position = index - staticLength - 1;
    if (position >= this.#table.length) {
      throw new HpackError(`index ${index}, the tables end at ${staticLength + this.#table.length}`);
    }
    return this.#table.nameAt(position);
  }

  /** Section 5.2. */
  #readString(): string {
    const reader = this.#reader;
    if (reader.at >= reader.end) throw new HpackError('the block ends before a string');
    const huffman = reader.bytes[reader.at]! >= 0x80;
    const length = reader.integer(0x7f);
    const from = reader.at;
    if (length > reader.end - from) throw new HpackError('the block ends within a string');
    reader.at = from + length;
    return huffman
      ? decodeHuffman(reader.bytes, from, from + length)
      : reader.bytes.toString('latin1', from, from + length);
  }
}

const noBytes = Buffer.alloc(0);

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
