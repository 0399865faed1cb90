import { assert } from './assert.js';
import { decodeUtf8, encodeUtf8 } from './bytes.js';

/** Thrown by ByteReader when the bytes end early or hold a number out of range. */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
}

/** Grows as it is written. Fixed-width numbers are little-endian, varints are LEB128 (protobuf's). */
export class ByteWriter {
  #bytes: Uint8Array;
  /** Made when a wide number is first written: many messages hold none. */
  #view: DataView | undefined;
  #length = 0;

  constructor(sizeBytesExpected = 256) {
    this.#bytes = new Uint8Array(sizeBytesExpected);
  }

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = undefined;
    }
    this.#length = needed;
    return at;
  }

  #wide(): DataView {
    return (this.#view ??= new DataView(this.#bytes.buffer));
  }

  uint8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    this.#wide().setUint32(at, value, true);
    return this;
  }

  uint64(value: bigint): this {
    const at = this.#reserve(8);
    this.#wide().setBigUint64(at, BigInt.asUintN(64, value), true);
    return this;
  }

  /** A safe non-negative integer. */
  varint(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `varint out of range: ${value}`);
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
    this.#wide().setUint32(position, value, true);
    return this;
  }

  /** What was written, without a copy; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what ByteWriter wrote; every read checks the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #view: DataView | undefined;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  #wide(): DataView {
    const bytes = this.#bytes;
    return (this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
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
    return this.#wide().getUint32(this.#take(4), true);
  }

  uint64(): bigint {
    return this.#wide().getBigUint64(this.#take(8), true);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.uint8();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytesError('varint beyond 2^53');
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  boolean(): boolean {
    const byte = this.uint8();
    if (byte > 1) throw new MalformedBytesError(`boolean is ${byte}`);
    return byte === 1;
  }

  /** A view into the source, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A view into the source, not a copy. */
  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  string(): string {
    return decodeUtf8(this.bytes());
  }
}
