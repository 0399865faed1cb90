/*
 * Protobuf's wire format in place, for the few messages that come and go by the ten thousand: without an object for
 * each message on the way, and without a buffer for each field.
 */

/** Bytes of a safe non-negative integer as a varint. */
export function varintSizeBytes(value: number): number {
  let sizeBytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) sizeBytes++;
  return sizeBytes;
}

/**
 * @param value a safe non-negative integer
 * @returns the position behind it
 */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  // Bit operations take 32 bits alone.
  while (rest > 0x7fff_ffff) {
    bytes[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}

/** Of a field of type bytes, string or message, whose tag takes one byte. */
export function fieldSizeBytes(contentSizeBytes: number): number {
  return 1 + varintSizeBytes(contentSizeBytes) + contentSizeBytes;
}

/** Reads in place; answers what it cannot read with -1, for the reader of all forms to look at. */
export class WireReader {
  readonly bytes: Uint8Array;
  /** Asked for once: each of the many views would ask again. */
  readonly #buffer: ArrayBufferLike;
  readonly #offset: number;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#offset = bytes.byteOffset;
  }

  /** A number below 2^53, in at most eight bytes before `end`; -1 if there is none. */
  varint(end: number): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let at = this.at; at < end && scale < 2 ** 56; scale *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) return -1;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    return -1;
  }

  /** Reads a length. @returns where that content ends; -1 if it does not end by `end` */
  contentEnd(end: number): number {
    const length = this.varint(end);
    return length === -1 || length > end - this.at ? -1 : this.at + length;
  }

  /** What lies before `end`, as a view. */
  take(end: number): Uint8Array {
    const from = this.at;
    this.at = end;
    return new Uint8Array(this.#buffer, this.#offset + from, end - from);
  }
}
