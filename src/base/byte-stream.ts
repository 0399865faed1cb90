import { assert, InvariantError } from './assert.js';
import { decodeUtf8, encodeUtf8, readUint32, uninitialisedBytes, writeUint32 } from './bytes.js';

/** Thrown by ByteReader when the bytes end early or hold a number out of range. */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
}

/** For 64-bit numbers on their way: a view of each buffer would cost more than the copy. */
const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Grows as it is written. Fixed-width numbers are little-endian, varints are LEB128 (protobuf's). */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(sizeBytesExpected = 256) {
    this.#bytes = uninitialisedBytes(sizeBytesExpected);
  }

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = uninitialisedBytes(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }

  uint8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    writeUint32(this.#bytes, at, value);
    return this;
  }

  uint64(value: bigint): this {
    const at = this.#reserve(8);
    scratch.setBigUint64(0, BigInt.asUintN(64, value), true);
    for (let each = 0; each < 8; each++) this.#bytes[at + each] = scratchBytes[each]!;
    return this;
  }

  /** A safe non-negative integer. */
  varint(value: number): this {
    // No message is written for each of the many that are in range.
    if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError(`varint out of range: ${value}`);
    let rest = value;
    while (rest >= 0x80) {
      this.uint8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.uint8(rest);
  }

  boolean(value: boolean): this {
    return this.uint8(value ? 1 : 0);
  }

  /** The bytes alone, without their length. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Length as varint, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  string(text: string): this {
    return this.bytes(encodeUtf8(text));
  }

  /** Overwrites four bytes written before, for a length known only at the end. */
  patchUint32(position: number, value: number): this {
    assert(position + 4 <= this.#length, 'patch beyond what was written');
    writeUint32(this.#bytes, position, value);
    return this;
  }

  /** Begins again, in the same memory: what finish() gave before is no longer valid. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** What was written, without a copy; the writer must not be used while that is needed. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what ByteWriter wrote; every read checks the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  /** Asked for once: each of the many views would ask again. */
  readonly #buffer: ArrayBufferLike;
  readonly #offset: number;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#offset = bytes.byteOffset;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  #take(count: number): number {
    const at = this.#position;
    if (count > this.#bytes.length - at) {
      throw new MalformedBytesError(`ends early: ${count} bytes wanted, ${this.#bytes.length - at} left`);
    }
    this.#position = at + count;
    return at;
  }

  uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  uint32(): number {
    return readUint32(this.#bytes, this.#take(4));
  }

  uint64(): bigint {
    const at = this.#take(8);
    for (let each = 0; each < 8; each++) scratchBytes[each] = this.#bytes[at + each]!;
    return scratch.getBigUint64(0, true);
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 0x80) {
      const byte = this.uint8();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytesError('varint beyond 2^53');
      if (byte < 0x80) return value;
    }
    // Zeros without end would be scaled up to no number at all.
    throw new MalformedBytesError('varint of more than eight bytes');
  }

  skip(count: number): void {
    this.#take(count);
  }

  boolean(): boolean {
    const byte = this.uint8();
    if (byte > 1) throw new MalformedBytesError(`boolean is ${byte}`);
    return byte === 1;
  }

  /** A view into the source, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return new Uint8Array(this.#buffer, this.#offset + at, count);
  }

  /** A view into the source, not a copy. */
  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  string(): string {
    return decodeUtf8(this.bytes());
  }
}
