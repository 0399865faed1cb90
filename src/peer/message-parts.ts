import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import { emptyBytes, uninitialisedBytes } from '../base/bytes.js';
import type { Term } from '../base/ids.js';
import { encodeFrame, frameSizeBytesMax } from './frame.js';

/**
 * From this version of the protocol on, a long message goes in frames of its own, a part in each, between which others may
 * come; and the other end says how many bytes it has taken.
 */
export const partsSinceVersion = 4;

/** Of a long message, what one frame holds: others wait no longer than it takes. */
export const partSizeBytes = 64 * 1024;

/** The first byte of a frame with a part; no type of message has these numbers. */
const partBytes = { first: 0, next: 255 } as const;

/** The first byte of an answer that says how much has arrived; see the kinds of handshake.ts. */
const takenByte = 4;

/** What a part is beside its bytes, at most. */
const partHeadSizeBytes = 16;

/** The frame with the part that begins at `position`. */
export function encodePart(whole: Uint8Array, position: number, lengthBytes: number): Uint8Array {
  return encodeFrame((writer) => {
    if (position === 0) writer.uint8(partBytes.first).varint(whole.length);
    else writer.uint8(partBytes.next);
    writer.raw(whole.subarray(position, position + lengthBytes));
  }, lengthBytes + partHeadSizeBytes);
}

export function isPart(payload: Uint8Array): boolean {
  return payload[0] === partBytes.first || payload[0] === partBytes.next;
}

/** Puts the parts of long messages together; one is under way at a time, and in memory only as far as it has come. */
export class PartAssembler {
  #memory: Uint8Array = emptyBytes;
  #length = 0;
  /** Of the message under way; 0: none is. */
  #sizeBytes = 0;
  #term: Term = 0;

  /** Memory that is held until the message is whole. */
  get heldBytes(): number {
    return this.#memory.length;
  }

  /** Of the message whose part came last. */
  get term(): Term {
    return this.#term;
  }

  /**
   * @param payload of a frame, for which isPart holds
   * @returns the message's bytes, if this was the last part
   * @throws MalformedBytesError
   */
  take(payload: Uint8Array): Uint8Array | undefined {
    const reader = new ByteReader(payload);
    if (reader.uint8() === partBytes.first) this.#begin(reader.varint());
    else if (this.#sizeBytes === 0) throw new MalformedBytesError('a part of no message');
    const bytes = reader.raw(reader.remaining);
    if (bytes.length === 0 || this.#length + bytes.length > this.#sizeBytes) {
      throw new MalformedBytesError(`a part of ${bytes.length} bytes`);
    }
    if (this.#length === 0) this.#term = termOf(bytes);
    this.#add(bytes);
    if (this.#length < this.#sizeBytes) return undefined;
    const whole = this.#memory.subarray(0, this.#length);
    this.clear();
    return whole;
  }

  #begin(sizeBytes: number): void {
    if (this.#sizeBytes > 0) throw new MalformedBytesError('a message begins within another');
    if (sizeBytes === 0 || sizeBytes > frameSizeBytesMax) {
      throw new MalformedBytesError(`a message of ${sizeBytes} bytes, ${frameSizeBytesMax} at most`);
    }
    this.#sizeBytes = sizeBytes;
  }

  /** Twice what is there, no more than is announced: that alone takes no memory. */
  #add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const grown = uninitialisedBytes(Math.min(this.#sizeBytes, 2 * length));
      grown.set(this.#memory.subarray(0, this.#length));
      this.#memory = grown;
    }
    this.#memory.set(bytes, this.#length);
    this.#length = length;
  }

  clear(): void {
    this.#memory = emptyBytes;
    this.#length = 0;
    this.#sizeBytes = 0;
  }
}

/** Of the message that begins so: type, sender and receiver stand before it. */
function termOf(head: Uint8Array): Term {
  const reader = new ByteReader(head);
  reader.skip(1 + 8 + 8);
  return reader.varint();
}

/** @param totalBytes that have arrived on the connection since the greeting */
export function encodeTaken(totalBytes: number): Uint8Array {
  return encodeFrame((writer) => writer.uint8(takenByte).varint(totalBytes), partHeadSizeBytes);
}

/**
 * @returns undefined: the answer says something else
 * @throws MalformedBytesError
 */
export function decodeTaken(payload: Uint8Array): number | undefined {
  return payload[0] === takenByte ? new ByteReader(payload, 1).varint() : undefined;
}
