import { MalformedBytesError, type ByteWriter } from '../base/byte-stream.js';
import { ByteWriter as Writer } from '../base/byte-stream.js';
import { emptyBytes, readUint32, uninitialisedBytes } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';

/** A frame: payload length, CRC-32C of the payload (both u32, little-endian), payload. */
const headerSizeBytes = 8;

/**
 * The largest payload. An append or a proposal holds at most one entry beyond its size limit, and an entry one call
 * beyond its own: a value of 8 MiB with its key, or a batch of operations of that size.
 */
export const frameSizeBytesMax = 16 * 1024 * 1024;

/** Of one frame of a snapshot on its way: a chunk, or the offer. */
export const snapshotFrameSizeBytesMax = 512 * 1024;

/** Of one frame of a greeting, and of what is said back on a connection. */
export const greetingSizeBytesMax = 4096;

/** Memory beside what is held that is not worth a copy. */
const slackSizeBytes = 1024;

/** Writes a frame whose payload `fill` writes. */
export function encodeFrame(fill: (writer: ByteWriter) => void, sizeBytesExpected = 256): Uint8Array {
  const writer = new Writer(sizeBytesExpected + headerSizeBytes);
  writer.uint32(0).uint32(0);
  fill(writer);
  const sizeBytes = writer.length - headerSizeBytes;
  if (sizeBytes > frameSizeBytesMax) {
    throw new RangeError(`a frame of ${sizeBytes} bytes, ${frameSizeBytesMax} at most`);
  }
  writer.patchUint32(0, sizeBytes);
  const whole = writer.finish();
  const view = new DataView(whole.buffer, whole.byteOffset, headerSizeBytes);
  view.setUint32(4, crc32c(whole.subarray(headerSizeBytes)), true);
  return whole;
}

/** Of a whole frame that was not on a wire. */
export function framePayload(frame: Uint8Array): Uint8Array {
  return frame.subarray(headerSizeBytes);
}

/** Cuts a stream of bytes into the payloads of frames. Each byte is copied a bounded number of times, however they come. */
export class FrameParser {
  /** Of frames that are not whole yet: of the chunk that came last, or of #own. */
  #held: Uint8Array = emptyBytes;
  /** Memory of this parser, with room behind what is held; undefined: what is held is a chunk as it came. */
  #own: Uint8Array | undefined;
  /** Where in #own what is held ends. */
  #end = 0;
  /** What must be there before there is anything to cut. */
  #neededBytes = headerSizeBytes;
  #payloadSizeBytesMax: number;

  constructor(payloadSizeBytesMax: number) {
    this.#payloadSizeBytesMax = payloadSizeBytesMax;
  }

  set payloadSizeBytesMax(value: number) {
    this.#payloadSizeBytesMax = value;
  }

  /** Memory that is held until the frame that it is of is whole. */
  get heldBytes(): number {
    return this.#own?.length ?? this.#held.length;
  }

  /** Adds what has arrived. Call next() until it gives nothing. */
  push(chunk: Uint8Array): void {
    if (this.#held.length === 0) {
      this.#held = chunk;
      this.#own = undefined;
      return;
    }
    const sizeBytes = this.#held.length + chunk.length;
    if (this.#own === undefined || this.#end + chunk.length > this.#own.length) this.#makeRoom(sizeBytes);
    this.#own!.set(chunk, this.#end);
    this.#end += chunk.length;
    this.#held = this.#own!.subarray(this.#end - sizeBytes, this.#end);
  }

  /** Twice what is there, but no more than the frame takes: what was announced alone takes no memory. */
  #makeRoom(sizeBytes: number): void {
    const own = uninitialisedBytes(Math.max(sizeBytes, Math.min(this.#neededBytes, 2 * sizeBytes)));
    own.set(this.#held);
    this.#own = own;
    this.#end = this.#held.length;
  }

  /**
   * @returns the next payload, a view that is good until the following push(); undefined: more bytes needed
   * @throws MalformedBytesError: the stream cannot be followed any more
   */
  next(): Uint8Array | undefined {
    const held = this.#held;
    if (held.length < this.#neededBytes) {
      this.#keepLittle();
      return undefined;
    }
    const sizeBytes = readUint32(held, 0);
    if (sizeBytes > this.#payloadSizeBytesMax) {
      throw new MalformedBytesError(`a frame of ${sizeBytes} bytes, ${this.#payloadSizeBytesMax} at most`);
    }
    const end = headerSizeBytes + sizeBytes;
    if (held.length < end) {
      this.#neededBytes = end;
      this.#keepLittle();
      return undefined;
    }
    const payload = held.subarray(headerSizeBytes, end);
    if (crc32c(payload) !== readUint32(held, 4)) {
      throw new MalformedBytesError('a frame does not match its checksum');
    }
    this.#neededBytes = headerSizeBytes;
    this.#held = held.subarray(end);
    return payload;
  }

  /** The little that is left of a large chunk or frame must not hold its memory. */
  #keepLittle(): void {
    const held = this.#held;
    if (held.length === 0) {
      this.#own = undefined;
      this.#held = emptyBytes;
    } else if (held.buffer.byteLength > 2 * Math.max(held.length, this.#neededBytes) + slackSizeBytes) {
      // Not slice(): a Buffer's slice() is a view.
      this.#held = new Uint8Array(held);
      this.#own = undefined;
    }
  }
}
