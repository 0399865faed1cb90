import { crc32 } from 'node:zlib';
import { crc32c } from '../../base/crc32c.js';
import { KvorumError } from '../../base/errors.js';
import type { ClusterId, Index, MemberId, Term } from '../../base/ids.js';
import type { Entry, EntryType, HardState } from '../../raft/types.js';

/**
 * A segment: one sector of header, then records, then zeros. All numbers little-endian, indexes and terms as
 * 64-bit. A record is
 *
 *     u32 CRC | u32 payload length | u32 type | u32 batch | u32 header check | payload | zeros up to 8 bytes
 *
 * The CRC (in format 1 CRC-32C, in format 2 CRC-32) covers all that follows it, and goes on from the CRC of the record before (for the first: from the
 * segment header's previousCrc), so that a record is valid only in its place. Batches are counted from 1 in each
 * segment; the first record of one has the flag `opensBatch` in its type. The header check (a CRC-32C of segment
 * sequence, position, length, type and batch) is not chained: it tells, behind a damaged record, whether a later
 * batch was written. See DESIGN.md.
 */
export const segmentHeaderSizeBytes = 512;
export const recordHeaderSizeBytes = 20;
const magic = 0x4c41574b; // "KWAL"

const recordTypes = { hardState: 1, entry: 2, reset: 3 } as const;
type RecordType = (typeof recordTypes)[keyof typeof recordTypes];
const opensBatch = 0x100;
const headTypes = new Set(Object.values(recordTypes).flatMap((type) => [type, type | opensBatch]));

/**
 * Of what begins a segment, magic, format and the sum over the first 84 bytes stay in their places in every format: a
 * version that does not know one says so, instead of taking it for damaged.
 */

/** Formats differ in the checksum of records. A log may begin in an older one and go on in the newest. */
export const logFormats = [1, 2] as const;
export type LogFormat = (typeof logFormats)[number];
/** CRC-32 is native code here: for entries of several KiB it takes half the time. */
export const newestLogFormat: LogFormat = 2;

export interface SegmentHeader {
  readonly format: LogFormat;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  /** Counts up by one from segment to segment. */
  readonly sequence: number;
  /** The log's end where the segment begins. */
  readonly previousIndex: Index;
  readonly previousTerm: Term;
  readonly hardState: HardState;
  /** Of the last record of the segment before. */
  readonly previousCrc: number;
  /** The file was made with so many; it never gets shorter. */
  readonly sizeBytesMin: number;
}

const headerFieldsSizeBytes = 84;

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = Buffer.alloc(segmentHeaderSizeBytes);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(header.format, 4);
  bytes.writeBigUInt64LE(header.clusterId, 8);
  bytes.writeBigUInt64LE(header.memberId, 16);
  writeUint53(bytes, header.sequence, 24);
  writeUint53(bytes, header.previousIndex, 32);
  writeUint53(bytes, header.previousTerm, 40);
  writeUint53(bytes, header.hardState.term, 48);
  bytes.writeBigUInt64LE(header.hardState.vote, 56);
  writeUint53(bytes, header.hardState.commit, 64);
  bytes.writeUInt32LE(header.previousCrc, 72);
  bytes.writeUInt32LE(header.sizeBytesMin, 76);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, headerFieldsSizeBytes - 4)), headerFieldsSizeBytes - 4);
  return bytes;
}

/** @returns undefined if the bytes are no whole header: the segment was being made when the crash came */
export function decodeSegmentHeader(path: string, source: Uint8Array): SegmentHeader | undefined {
  if (source.length < segmentHeaderSizeBytes) return undefined;
  const bytes = asBuffer(source);
  if (
    bytes.readUInt32LE(headerFieldsSizeBytes - 4) !== crc32c(bytes.subarray(0, headerFieldsSizeBytes - 4))
  ) {
    return undefined;
  }
  if (bytes.readUInt32LE(0) !== magic) return undefined;
  const version = bytes.readUInt32LE(4);
  const format = logFormats.find((known) => known === version);
  if (format === undefined) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `log segment ${path} has format ${version}, this version reads ${logFormats.join(' and ')}: start it with the version that wrote it`,
    );
  }
  return {
    format,
    clusterId: bytes.readBigUInt64LE(8),
    memberId: bytes.readBigUInt64LE(16),
    sequence: readUint53(bytes, 24),
    previousIndex: readUint53(bytes, 32),
    previousTerm: readUint53(bytes, 40),
    hardState: {
      term: readUint53(bytes, 48),
      vote: bytes.readBigUInt64LE(56),
      commit: readUint53(bytes, 64),
    },
    previousCrc: bytes.readUInt32LE(72),
    sizeBytesMin: bytes.readUInt32LE(76),
  };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function writeUint53(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readUint53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

const entryTypes: readonly EntryType[] = ['normal', 'config', 'empty'];
const entryHeadSizeBytes = 17;

/** Gathers records into one buffer that is written as a whole, then used again. */
export class RecordWriter {
  #bytes = Buffer.alloc(64 * 1024);
  #length = 0;
  /** Of the last record. */
  crc = 0;
  #sequence = 0;
  #position = 0;
  #batch = 0;
  #format: LogFormat = newestLogFormat;

  get length(): number {
    return this.#length;
  }

  /** Valid until the next begin(). */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  begin(place: {
    readonly format: LogFormat;
    readonly sequence: number;
    readonly position: number;
    readonly batch: number;
    readonly crc: number;
  }): void {
    this.#format = place.format;
    this.#sequence = place.sequence;
    this.#position = place.position;
    this.#batch = place.batch;
    this.crc = place.crc;
    this.#length = 0;
    // One huge batch must not hold its memory for ever.
    if (this.#bytes.length > 4 * 1024 * 1024) this.#bytes = Buffer.alloc(64 * 1024);
  }

  hardState(state: HardState): void {
    const at = this.#begin(recordTypes.hardState, 24);
    writeUint53(this.#bytes, state.term, at);
    this.#bytes.writeBigUInt64LE(state.vote, at + 8);
    writeUint53(this.#bytes, state.commit, at + 16);
    this.#seal(at, 24);
  }

  entry(entry: Entry): void {
    const sizeBytes = entryHeadSizeBytes + entry.data.length;
    const at = this.#begin(recordTypes.entry, sizeBytes);
    writeUint53(this.#bytes, entry.term, at);
    writeUint53(this.#bytes, entry.index, at + 8);
    this.#bytes[at + 16] = entryTypes.indexOf(entry.type);
    this.#bytes.set(entry.data, at + entryHeadSizeBytes);
    this.#seal(at, sizeBytes);
  }

  reset(index: Index, term: Term): void {
    const at = this.#begin(recordTypes.reset, 16);
    writeUint53(this.#bytes, index, at);
    writeUint53(this.#bytes, term, at + 8);
    this.#seal(at, 16);
  }

  #begin(type: RecordType, payloadSizeBytes: number): number {
    const start = this.#length;
    const end = start + recordSizeBytes(payloadSizeBytes);
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, start);
      this.#bytes = grown;
    }
    this.#bytes.fill(0, end - 8, end);
    this.#bytes.writeUInt32LE(payloadSizeBytes, start + 4);
    this.#bytes.writeUInt32LE(start === 0 ? type | opensBatch : type, start + 8);
    this.#bytes.writeUInt32LE(this.#batch, start + 12);
    const check = headerCheck(this.#bytes, start, this.#sequence, this.#position + start);
    this.#bytes.writeUInt32LE(check, start + 16);
    this.#length = end;
    return start + recordHeaderSizeBytes;
  }

  #seal(payloadAt: number, payloadSizeBytes: number): void {
    const start = payloadAt - recordHeaderSizeBytes;
    this.crc = recordCrc(this.#format, this.#bytes, start, payloadSizeBytes, this.crc);
    this.#bytes.writeUInt32LE(this.crc, start);
  }
}

/** Of a record in its place, padding included. */
export function recordSizeBytes(payloadSizeBytes: number): number {
  return Math.ceil((recordHeaderSizeBytes + payloadSizeBytes) / 8) * 8;
}

function recordCrc(
  format: LogFormat,
  bytes: Buffer,
  start: number,
  payloadSizeBytes: number,
  previous: number,
): number {
  const summed = bytes.subarray(start + 4, start + recordHeaderSizeBytes + payloadSizeBytes);
  return format === 1 ? crc32c(summed, previous) : crc32(summed, previous);
}

const checkScratch = Buffer.alloc(28);

function headerCheck(bytes: Buffer, start: number, sequence: number, position: number): number {
  writeUint53(checkScratch, sequence, 0);
  writeUint53(checkScratch, position, 8);
  bytes.copy(checkScratch, 16, start + 4, start + 16);
  return crc32c(checkScratch);
}

export interface RecordHead {
  readonly batch: number;
  readonly opensBatch: boolean;
  /** Where the record ends; maybe behind the end of the file. */
  readonly end: number;
}

/** The head of the record that begins at `start`, if one does; does not look at its payload. */
export function recordHeadAt(bytes: Buffer, start: number, sequence: number): RecordHead | undefined {
  if (start + recordHeaderSizeBytes > bytes.length) return undefined;
  const type = bytes.readUInt32LE(start + 8);
  if (!headTypes.has(type)) return undefined;
  if (headerCheck(bytes, start, sequence, start) !== bytes.readUInt32LE(start + 16)) return undefined;
  return {
    batch: bytes.readUInt32LE(start + 12),
    opensBatch: (type & opensBatch) !== 0,
    end: start + recordSizeBytes(bytes.readUInt32LE(start + 4)),
  };
}

export type WalRecord =
  | { readonly type: 'hard-state'; readonly state: HardState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'reset'; readonly index: Index; readonly term: Term };

export type ReadRecord =
  | {
      readonly kind: 'record';
      readonly record: WalRecord;
      readonly end: number;
      readonly crc: number;
      readonly batch: number;
      readonly opensBatch: boolean;
    }
  /** Zeros: nothing was ever written here. */
  | { readonly kind: 'end' }
  | { readonly kind: 'damaged' };

/** Reads the record at `start`. */
export function readRecord(format: LogFormat, bytes: Buffer, start: number, previousCrc: number): ReadRecord {
  const headerEnd = Math.min(start + recordHeaderSizeBytes, bytes.length);
  if (isZero(bytes, start, headerEnd)) return { kind: 'end' };
  if (start + recordHeaderSizeBytes > bytes.length) return { kind: 'damaged' };
  const crc = bytes.readUInt32LE(start);
  const payloadSizeBytes = bytes.readUInt32LE(start + 4);
  const end = start + recordSizeBytes(payloadSizeBytes);
  if (end > bytes.length || recordCrc(format, bytes, start, payloadSizeBytes, previousCrc) !== crc) {
    return { kind: 'damaged' };
  }
  const type = bytes.readUInt32LE(start + 8);
  const record = decodePayload(bytes, type & ~opensBatch, start + recordHeaderSizeBytes, payloadSizeBytes);
  if (record === undefined) return { kind: 'damaged' };
  const batch = bytes.readUInt32LE(start + 12);
  return { kind: 'record', record, end, crc, batch, opensBatch: (type & opensBatch) !== 0 };
}

function decodePayload(bytes: Buffer, type: number, at: number, sizeBytes: number): WalRecord | undefined {
  switch (type) {
    case recordTypes.hardState:
      if (sizeBytes !== 24) return undefined;
      return {
        type: 'hard-state',
        state: {
          term: readUint53(bytes, at),
          vote: bytes.readBigUInt64LE(at + 8),
          commit: readUint53(bytes, at + 16),
        },
      };
    case recordTypes.entry: {
      const entryType = entryTypes[bytes[at + 16] ?? -1];
      if (sizeBytes < entryHeadSizeBytes || entryType === undefined) return undefined;
      return {
        type: 'entry',
        entry: {
          term: readUint53(bytes, at),
          index: readUint53(bytes, at + 8),
          type: entryType,
          // A copy: the entry outlives the segment's buffer.
          data: new Uint8Array(bytes.subarray(at + entryHeadSizeBytes, at + sizeBytes)),
        },
      };
    }
    case recordTypes.reset:
      if (sizeBytes !== 16) return undefined;
      return { type: 'reset', index: readUint53(bytes, at), term: readUint53(bytes, at + 8) };
    default:
      return undefined;
  }
}

export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
