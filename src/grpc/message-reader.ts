import { assert } from '../base/assert.js';

/** In front of each message: whether it is compressed, and its length in four bytes. */
const prefixSizeBytes = 5;

export interface Message {
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
}

export type MessageFault =
  | { readonly kind: 'too-large'; readonly sizeBytes: number }
  | { readonly kind: 'bad-flag'; readonly flag: number };

/**
 * The message that is the whole of bytes[from..to), uncompressed: what most requests are. No copy is made.
 *
 * @returns undefined if it is anything else
 */
export function soleMessage(
  bytes: Buffer,
  from: number,
  to: number,
  sizeBytesMax: number,
): Buffer | undefined {
  const sizeBytes = to - from - prefixSizeBytes;
  if (sizeBytes < 0 || sizeBytes > sizeBytesMax || bytes[from] !== 0) return undefined;
  const length =
    (bytes[from + 1]! << 24) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 8) | bytes[from + 4]!;
  return length === sizeBytes ? bytes.subarray(from + prefixSizeBytes, to) : undefined;
}

/** For a message that has to wait: a view of a small part of a chunk would keep all of it in memory. */
export function detached(bytes: Buffer): Buffer {
  if (2 * bytes.length >= bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Cuts the content of a stream into messages, however they lie in its frames. */
export class MessageReader {
  readonly #sizeBytesMax: number;
  readonly #prefix = Buffer.alloc(prefixSizeBytes);
  #prefixFilled = 0;
  #sizeBytes = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;
  #bytes: Buffer = this.#prefix;
  #at = 0;
  #end = 0;

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** A message has begun and not ended. */
  get partial(): boolean {
    return this.#prefixFilled > 0;
  }

  /** Of the message that has not ended, still to come; 0 while its length is unknown. */
  get missingBytes(): number {
    return this.#prefixFilled < prefixSizeBytes ? 0 : this.#sizeBytes - this.#bodyFilled;
  }

  /** In memory for the message that has not ended. */
  get heldBytes(): number {
    return this.#prefixFilled + (this.#body?.length ?? 0);
  }

  /** All that was pushed before must have been read. */
  push(bytes: Buffer, from: number, to: number): void {
    assert(this.#at === this.#end, 'content is pushed behind content that was not read');
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** The next message that has come whole; undefined if there is none yet. After a fault there is no next one. */
  next(): Message | MessageFault | undefined {
    const message = this.#read();
    // What was pushed is not kept in memory until more comes.
    if (message === undefined) this.#bytes = this.#prefix;
    return message;
  }

  #read(): Message | MessageFault | undefined {
    if (this.#prefixFilled < prefixSizeBytes) {
      const fault = this.#readPrefix();
      if (fault !== undefined) return fault;
      if (this.#prefixFilled < prefixSizeBytes) return undefined;
    }
    const here = Math.min(this.#end - this.#at, this.#sizeBytes - this.#bodyFilled);
    const from = this.#at;
    this.#at += here;
    let bytes: Buffer;
    if (this.#body === undefined && here === this.#sizeBytes) {
      bytes = detached(this.#bytes.subarray(from, from + here));
    } else {
      if (here === 0) return undefined;
      bytes = this.#gather(from, here);
      if (this.#bodyFilled < this.#sizeBytes) return undefined;
    }
    const message = { bytes, compressed: this.#prefix[0] === 1 };
    this.#prefixFilled = 0;
    this.#body = undefined;
    this.#bodyFilled = 0;
    return message;
  }

  #readPrefix(): MessageFault | undefined {
    const copied = Math.min(prefixSizeBytes - this.#prefixFilled, this.#end - this.#at);
    this.#bytes.copy(this.#prefix, this.#prefixFilled, this.#at, this.#at + copied);
    this.#prefixFilled += copied;
    this.#at += copied;
    if (this.#prefixFilled < prefixSizeBytes) return undefined;
    this.#sizeBytes = this.#prefix.readUInt32BE(1);
    const flag = this.#prefix[0]!;
    if (flag > 1) return { kind: 'bad-flag', flag };
    if (this.#sizeBytes > this.#sizeBytesMax) return { kind: 'too-large', sizeBytes: this.#sizeBytes };
    return undefined;
  }

  #gather(from: number, count: number): Buffer {
    const filled = this.#bodyFilled + count;
    let body = this.#body;
    if (body === undefined || body.length < filled) {
      // Grows with what came: the length of the message is only a promise.
      const capacity = Math.max(filled, 2 * (body?.length ?? 0));
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#sizeBytes, capacity));
      body?.copy(grown, 0, 0, this.#bodyFilled);
      body = grown;
      this.#body = body;
    }
    this.#bytes.copy(body, this.#bodyFilled, from, from + count);
    this.#bodyFilled = filled;
    return body;
  }
}
