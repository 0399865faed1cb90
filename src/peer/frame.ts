import { MalformedBytesError, type ByteWriter } from '../base/byte-stream.js';
import { ByteWriter as Writer } from '../base/byte-stream.js';
import { crc32c } from '../base/crc32c.js';

/** A frame: payload length, CRC-32C of the payload (both u32, little-endian), payload. */
const headerSizeBytes = 8;

/** The largest payload. An append holds at most one entry beyond its size limit, so it stays far below. */
export const frameSizeBytesMax = 64 * 1024 * 1024;

/** Until a connection has said who it is, it may not make this side hold more than this. */
export const greetingSizeBytesMax = 4096;

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

/** Cuts a stream of bytes into the payloads of frames. */
export class FrameParser {
  /** Bytes of frames that are not whole yet. */
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  /** What must be there before there is anything to cut. */
  #neededBytes = headerSizeBytes;
  #payloadSizeBytesMax: number;

  constructor(payloadSizeBytesMax: number) {
    this.#payloadSizeBytesMax = payloadSizeBytesMax;
  }

  set payloadSizeBytesMax(value: number) {
    this.#payloadSizeBytesMax = value;
  }

  /** Adds what has arrived. Call next() until it gives nothing. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
  }

  /**
   * @returns the next payload, a view that is good until the following push(); undefined: more bytes needed
   * @throws MalformedBytesError: the stream cannot be followed any more
   */
  next(): Uint8Array | undefined {
    if (this.#heldBytes < this.#neededBytes) return undefined;
    const held = this.#joined();
    const view = new DataView(held.buffer, held.byteOffset, held.byteLength);
    const sizeBytes = view.getUint32(0, true);
    if (sizeBytes > this.#payloadSizeBytesMax) {
      throw new MalformedBytesError(`a frame of ${sizeBytes} bytes, ${this.#payloadSizeBytesMax} at most`);
    }
    const end = headerSizeBytes + sizeBytes;
    if (held.length < end) {
      this.#neededBytes = end;
      return undefined;
    }
    const payload = held.subarray(headerSizeBytes, end);
    if (crc32c(payload) !== view.getUint32(4, true)) {
      throw new MalformedBytesError('a frame does not match its checksum');
    }
    this.#neededBytes = headerSizeBytes;
    this.#heldBytes -= end;
    this.#chunks = this.#heldBytes === 0 ? [] : [held.subarray(end)];
    return payload;
  }

  #joined(): Uint8Array {
    if (this.#chunks.length === 1) return this.#chunks[0]!;
    const joined = Buffer.concat(this.#chunks, this.#heldBytes);
    this.#chunks = [joined];
    return joined;
  }
}
