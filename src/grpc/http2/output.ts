import type { Writable } from 'node:stream';
import { assert } from '../../base/assert.js';
import { frameHeaderSizeBytes } from './protocol.js';

/** Enough for the answers of a turn in most cases; a turn that makes more uses several. */
const bufferSizeBytes = 64 * 1024;
const buffersKeptMax = 64;
/** For connections that have little to say: thousands may have a greeting or an answer each, in one turn. */
const smallBufferSizeBytes = 1024;
const smallBuffersKeptMax = 1024;

/** Buffers of all connections, so that an idle connection holds none. */
export class OutputBuffers {
  readonly #free: Buffer[] = [];
  readonly #freeSmall: Buffer[] = [];

  take(small: boolean): Buffer {
    if (small) return this.#freeSmall.pop() ?? Buffer.allocUnsafeSlow(smallBufferSizeBytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferSizeBytes);
  }

  release(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) {
      const small = buffer.length === smallBufferSizeBytes;
      const [free, max] = small ? [this.#freeSmall, smallBuffersKeptMax] : [this.#free, buffersKeptMax];
      if (free.length < max) free.push(buffer);
    }
  }
}

export interface OutputOwner {
  nowMs(): number;
  /** There is something to flush, or room again. */
  wrote(): void;
  /** Counts bytes that are kept in memory for this connection; negative when they are let go. */
  hold(sizeBytes: number): void;
}

/** From this size on a payload is referred to; below, copying it is cheaper than one more part of a write. */
const referSizeBytesMin = 4096;

/** More than this waiting for the socket, and payloads wait where they are. */
const highWaterBytes = 256 * 1024;

/**
 * What a connection has to send, gathered over a turn of the event loop and written by one call. Frames are
 * written straight into `buffer`.
 */
export class Output {
  readonly #socket: Writable;
  readonly #buffers: OutputBuffers;
  readonly #owner: OutputOwner;
  /** Written to from `#from` to `at`; what lies before has been put into `#parts`. */
  buffer: Buffer = noBuffer;
  at = 0;
  #from = 0;
  #parts: Uint8Array[] = [];
  #partsSizeBytes = 0;
  /** Of `#parts`, payloads, which are no views of buffers of ours. */
  #referredSizeBytes = 0;
  /** Those of this turn that `#parts` has views of. */
  #used: Buffer[] = [];
  #usedSizeBytes = 0;
  /** As in the turn before, a small buffer will do. */
  #isQuiet = true;
  /** Handed to the socket and not taken by the kernel yet. */
  #writingBytes = 0;
  /** When the kernel last took something while bytes were waiting. */
  #progressAtMs = 0;
  /** In memory for what the kernel has not taken. */
  #heldBytes = 0;
  #closed = false;
  #ended = false;

  constructor(socket: Writable, buffers: OutputBuffers, owner: OutputOwner) {
    this.#socket = socket;
    this.#buffers = buffers;
    this.#owner = owner;
  }

  get pendingBytes(): number {
    return this.#writingBytes + this.#partsSizeBytes + this.at - this.#from;
  }

  /** The peer does not read as fast as we write. */
  get full(): boolean {
    return this.#writingBytes + this.#partsSizeBytes + this.at - this.#from > highWaterBytes;
  }

  /** The socket has not taken all that it was given. */
  get isWriting(): boolean {
    return this.#writingBytes > 0;
  }

  /** How long the socket has taken nothing although there was something. */
  stalledMs(nowMs: number): number {
    return this.#writingBytes === 0 ? 0 : nowMs - this.#progressAtMs;
  }

  /** Makes `buffer` hold `sizeBytes` more from `at` on. The caller writes them and moves `at`. */
  reserve(sizeBytes: number): void {
    if (this.buffer.length - this.at >= sizeBytes) return;
    assert(sizeBytes <= bufferSizeBytes, 'more is reserved than a buffer holds');
    this.#closePart();
    const small = this.#isQuiet && this.#used.length === 0 && sizeBytes <= smallBufferSizeBytes;
    this.buffer = this.#buffers.take(small);
    this.#used.push(this.buffer);
    this.#usedSizeBytes += this.buffer.length;
    this.at = 0;
    this.#from = 0;
  }

  /** Puts `bytes` behind what is there; large ones are not copied and must not change any more. */
  append(bytes: Uint8Array): void {
    if (bytes.length < referSizeBytesMin) {
      this.reserve(bytes.length);
      this.buffer.set(bytes, this.at);
      this.at += bytes.length;
      return;
    }
    this.#closePart();
    this.#parts.push(bytes);
    this.#partsSizeBytes += bytes.length;
    this.#referredSizeBytes += bytes.length;
  }

  /** A frame's header; `reserve` must have made room. */
  frameHeader(length: number, type: number, flags: number, streamId: number): void {
    const { buffer } = this;
    const at = this.at;
    buffer[at] = length >>> 16;
    buffer[at + 1] = length >>> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >>> 24;
    buffer[at + 6] = streamId >>> 16;
    buffer[at + 7] = streamId >>> 8;
    buffer[at + 8] = streamId;
    this.at = at + frameHeaderSizeBytes;
  }

  #closePart(): void {
    if (this.at === this.#from) return;
    this.#parts.push(this.buffer.subarray(this.#from, this.at));
    this.#partsSizeBytes += this.at - this.#from;
    this.#from = this.at;
  }

  /** Hands everything to the socket; drops it where that was ended. */
  flush(): void {
    this.#closePart();
    if (this.#parts.length === 0) return;
    const parts = this.#parts;
    const sizeBytes = this.#partsSizeBytes;
    const referredSizeBytes = this.#referredSizeBytes;
    const used = this.#used;
    const usedSizeBytes = this.#usedSizeBytes;
    this.#isQuiet = sizeBytes - referredSizeBytes <= smallBufferSizeBytes;
    this.#parts = [];
    this.#partsSizeBytes = 0;
    this.#referredSizeBytes = 0;
    this.#used = [];
    this.#usedSizeBytes = 0;
    this.buffer = noBuffer;
    this.at = 0;
    this.#from = 0;
    if (this.#ended || this.#closed) {
      this.#buffers.release(used);
      return;
    }
    if (this.#writingBytes === 0) this.#progressAtMs = this.#owner.nowMs();
    this.#writingBytes += sizeBytes;
    const last = parts.pop()!;
    const several = parts.length > 0;
    let heldBytes = 0;
    if (several) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.write(last, (error) => {
      this.#hold(-heldBytes);
      if (error) return;
      this.#buffers.release(used);
      this.#taken(sizeBytes);
    });
    if (several) this.#socket.uncork();
    // What the kernel took at once was never waiting.
    if (this.#socket.writableLength === 0) return;
    heldBytes = usedSizeBytes + referredSizeBytes;
    this.#hold(heldBytes);
  }

  #hold(sizeBytes: number): void {
    if (sizeBytes === 0 || this.#closed) return;
    this.#heldBytes += sizeBytes;
    this.#owner.hold(sizeBytes);
  }

  /** The socket is gone, and with it what waited for it. */
  close(): void {
    this.#hold(-this.#heldBytes);
    this.#closed = true;
  }

  /** Hands everything to the socket and ends it; what is written later is dropped. */
  end(): void {
    this.flush();
    this.#ended = true;
    this.#socket.end();
  }

  #taken(sizeBytes: number): void {
    const beforeBytes = this.pendingBytes;
    this.#writingBytes -= sizeBytes;
    this.#progressAtMs = this.#owner.nowMs();
    if (beforeBytes > highWaterBytes && !this.full) this.#owner.wrote();
  }
}

const noBuffer = Buffer.alloc(0);
