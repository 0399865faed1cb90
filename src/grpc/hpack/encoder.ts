import { assert } from '../../base/assert.js';
import { DynamicTable, entrySizeBytes, tableSizeBytesDefault } from './dynamic-table.js';
import { encodeHuffman, huffmanSizeBytes } from './huffman.js';
import { writeInteger } from './integer.js';
import { staticFieldIndex, staticLength, staticNameIndex } from './static-table.js';

export interface HpackEncoderOptions {
  /** The most that this side uses, whatever the peer allows; 0: static table alone. */
  readonly dynamicTableSizeBytesMax: number;
}

/** Never put into a table, by anyone on the way (RFC 7541, section 7.1.3). */
const neverIndexed: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Differ from block to block, so they would only push others out. */
const withoutIndexing: ReadonlySet<string> = new Set([
  'content-length',
  'grpc-message',
  'grpc-status-details-bin',
  'grpc-timeout',
]);

/** An integer of at most 28 bits behind its prefix. */
const integerSizeBytesMax = 6;

/** Encodes the header blocks of one connection, in their order (RFC 7541, sections 3.1 and 6). */
export class HpackEncoder {
  readonly #sizeBytesMax: number;
  readonly #table: DynamicTable;
  /** Where the live entries of the table stand: name, then value, to the count of insertions before them. */
  readonly #places = new Map<string, Map<string, number>>();
  #insertions = 0;
  #sizeUpdates = 0;
  /** The size that the peer's table has by what we sent so far. */
  #signalledSizeBytes = tableSizeBytesDefault;
  /** What the peer allows, and the least that it allowed since the last block. */
  #peerSizeBytes = tableSizeBytesDefault;
  #peerSizeBytesLeast = tableSizeBytesDefault;
  #bytes = Buffer.allocUnsafeSlow(512);
  #at = 0;

  constructor(options: HpackEncoderOptions) {
    this.#sizeBytesMax = options.dynamicTableSizeBytesMax;
    this.#table = new DynamicTable(Math.min(this.#sizeBytesMax, tableSizeBytesDefault));
  }

  /**
   * Goes up with every change of the dynamic table, as the decoder's does: as long as it stands still, the same
   * fields give the same bytes. A block that moves it does not.
   */
  get generation(): number {
    return this.#insertions + this.#sizeUpdates;
  }

  get tableSizeBytes(): number {
    return this.#table.sizeBytes;
  }

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE. */
  setTableSizeMax(sizeBytes: number): void {
    this.#peerSizeBytes = sizeBytes;
    this.#peerSizeBytesLeast = Math.min(this.#peerSizeBytesLeast, sizeBytes);
  }

  /** The next block begins with a size update; until it is encoded here, no block from elsewhere may be sent. */
  get sizeUpdateDue(): boolean {
    if (this.#peerSizeBytesLeast < this.#signalledSizeBytes) return true;
    // A table that is never used may stay as large as the peer likes.
    return this.#sizeBytesMax > 0 && this.#sizeBytesWanted() !== this.#signalledSizeBytes;
  }

  #sizeBytesWanted(): number {
    return Math.min(this.#sizeBytesMax, this.#peerSizeBytes);
  }

  /**
   * @param headers name, value, name, value, ...: strings of latin1, one character an octet
   * @returns one whole header block
   */
  encode(headers: readonly string[]): Uint8Array {
    assert(headers.length % 2 === 0, 'a header without its value');
    this.#at = 0;
    if (this.sizeUpdateDue) this.#writeSizeUpdates();
    for (let at = 0; at < headers.length; at += 2) this.#writeField(headers[at]!, headers[at + 1]!);
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  /** Section 4.2: the least size that there was in between, then the size from now on. */
  #writeSizeUpdates(): void {
    const wanted = this.#sizeBytesWanted();
    const least = this.#peerSizeBytesLeast;
    if (least < Math.min(wanted, this.#signalledSizeBytes)) this.#writeSizeUpdate(least);
    this.#writeSizeUpdate(wanted);
    this.#peerSizeBytesLeast = this.#peerSizeBytes;
  }

  #writeSizeUpdate(sizeBytes: number): void {
    this.#reserve(integerSizeBytesMax);
    this.#at = writeInteger(this.#bytes, this.#at, 0x1f, 0x20, sizeBytes);
    this.#sizeUpdates++;
    this.#signalledSizeBytes = sizeBytes;
    this.#evictTo(sizeBytes);
    this.#table.sizeBytesMax = sizeBytes;
  }

  #writeField(name: string, value: string): void {
    const index = staticFieldIndex(name, value) || this.#dynamicFieldIndex(name, value);
    if (index !== 0) {
      this.#writeInteger(0x7f, 0x80, index);
      return;
    }
    if (neverIndexed.has(name)) this.#writeLiteral(0x0f, 0x10, name, value);
    else if (this.#isWorthKeeping(name, value)) {
      this.#writeLiteral(0x3f, 0x40, name, value);
      this.#insert(name, value);
    } else this.#writeLiteral(0x0f, 0x00, name, value);
  }

  /** One field must not push out all others. */
  #isWorthKeeping(name: string, value: string): boolean {
    return !withoutIndexing.has(name) && entrySizeBytes(name, value) <= this.#table.sizeBytesMax / 2;
  }

  #dynamicFieldIndex(name: string, value: string): number {
    const insertion = this.#places.get(name)?.get(value);
    return insertion === undefined ? 0 : this.#indexOf(insertion);
  }

  #nameIndex(name: string): number {
    const index = staticNameIndex.get(name);
    if (index !== undefined) return index;
    const insertion = this.#places.get(name)?.values().next().value;
    return insertion === undefined ? 0 : this.#indexOf(insertion);
  }

  #indexOf(insertion: number): number {
    return staticLength + this.#insertions - insertion;
  }

  #insert(name: string, value: string): void {
    this.#evictTo(this.#table.sizeBytesMax - entrySizeBytes(name, value));
    assert(this.#table.insert(name, value), 'an entry larger than the dynamic table');
    let values = this.#places.get(name);
    if (values === undefined) this.#places.set(name, (values = new Map<string, number>()));
    values.set(value, this.#insertions++);
  }

  /** Evicts the oldest entries until at most `sizeBytes` are left. */
  #evictTo(sizeBytes: number): void {
    while (this.#table.sizeBytes > sizeBytes) {
      const oldest = this.#table.length - 1;
      const name = this.#table.nameAt(oldest);
      const values = this.#places.get(name)!;
      values.delete(this.#table.valueAt(oldest));
      if (values.size === 0) this.#places.delete(name);
      this.#table.evictOldest();
    }
  }

  #writeLiteral(mask: number, flags: number, name: string, value: string): void {
    const index = this.#nameIndex(name);
    this.#writeInteger(mask, flags, index);
    if (index === 0) this.#writeString(name);
    this.#writeString(value);
  }

  /** Section 5.2: in the shorter form; the examples of the RFC take Huffman where both are as short. */
  #writeString(text: string): void {
    const huffmanLength = huffmanSizeBytes(text);
    const huffman = huffmanLength <= text.length && huffmanLength > 0;
    const length = huffman ? huffmanLength : text.length;
    this.#writeInteger(0x7f, huffman ? 0x80 : 0, length);
    this.#reserve(length);
    if (huffman) encodeHuffman(text, this.#bytes, this.#at);
    else this.#bytes.write(text, this.#at, 'latin1');
    this.#at += length;
  }

  #writeInteger(mask: number, flags: number, value: number): void {
    this.#reserve(integerSizeBytesMax);
    this.#at = writeInteger(this.#bytes, this.#at, mask, flags, value);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#at + sizeBytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}
