import { ConnectionError, errorCode, frameHeaderSizeBytes } from './protocol.js';

/** Takes whole frames. */
export interface FrameHandler {
  /**
   * The payload is bytes[from..to). The bytes are not written to again: views into them may be kept.
   *
   * @returns whether to go on; false leaves what follows for the next `run`
   */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean;
}

/**
 * Cuts a connection's bytes into frames, in place: only a frame that lies across two chunks is copied, once.
 */
export class FrameParser {
  readonly #payloadSizeBytesMax: number;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The beginning of a frame that the last chunk did not hold whole: its header, then its payload. */
  readonly #header = Buffer.alloc(frameHeaderSizeBytes);
  #headerFilled = 0;
  #payload: Buffer | undefined;
  #payloadFilled = 0;

  constructor(payloadSizeBytesMax: number) {
    this.#payloadSizeBytesMax = payloadSizeBytesMax;
  }

  /** Part of a frame has come, and the rest is awaited. */
  get midFrame(): boolean {
    return this.#headerFilled > 0;
  }

  /** In memory for that frame. */
  get heldBytes(): number {
    return this.#payload?.length ?? 0;
  }

  /** Every earlier chunk must have been run to its end. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Hands out the frames of the chunk.
   *
   * @returns whether all of it was taken, false if the handler asked to stop
   * @throws ConnectionError FRAME_SIZE_ERROR
   */
  run(handler: FrameHandler): boolean {
    if (this.#headerFilled > 0 && !this.#finishFrame(handler)) return this.#stopped();
    const bytes = this.#chunk;
    const end = bytes.length;
    let at = this.#at;
    while (end - at >= frameHeaderSizeBytes) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      this.#checkSize(length);
      const from = at + frameHeaderSizeBytes;
      const to = from + length;
      if (to > end) break;
      const streamId =
        ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
      at = to;
      this.#at = to;
      if (!handler.frame(bytes[from - 6]!, bytes[from - 5]!, streamId, bytes, from, to))
        return this.#stopped();
    }
    this.#keepRest(at);
    return true;
  }

  /** Nothing more is taken in: lets go of what has come. */
  clear(): void {
    this.#chunk = emptyChunk;
    this.#at = 0;
    this.#headerFilled = 0;
    this.#payload = undefined;
  }

  #checkSize(length: number): void {
    if (length <= this.#payloadSizeBytesMax) return;
    throw new ConnectionError(
      errorCode.frameSizeError,
      `a frame of ${length} bytes, ${this.#payloadSizeBytesMax} are allowed`,
    );
  }

  #keepRest(at: number): void {
    const bytes = this.#chunk;
    if (at < bytes.length) {
      this.#headerFilled = bytes.copy(this.#header, 0, at, Math.min(bytes.length, at + frameHeaderSizeBytes));
      at += this.#headerFilled;
      if (this.#headerFilled === frameHeaderSizeBytes) this.#beginPayload();
      if (this.#payload !== undefined) this.#payloadFilled = bytes.copy(this.#payload, 0, at);
    }
    this.#at = bytes.length;
    this.#stopped();
  }

  #stopped(): boolean {
    if (this.#at < this.#chunk.length) return false;
    // Not held on to while the connection is idle.
    this.#chunk = emptyChunk;
    this.#at = 0;
    return true;
  }

  #beginPayload(): void {
    const length = this.#header.readUIntBE(0, 3);
    this.#checkSize(length);
    this.#payload = Buffer.allocUnsafeSlow(length);
    this.#payloadFilled = 0;
  }

  /** @returns whether the frame that an earlier chunk began was handed out and the handler wants more */
  #finishFrame(handler: FrameHandler): boolean {
    const bytes = this.#chunk;
    if (this.#payload === undefined) {
      const copied = bytes.copy(this.#header, this.#headerFilled, this.#at);
      this.#headerFilled += copied;
      this.#at += copied;
      if (this.#headerFilled < frameHeaderSizeBytes) return false;
      this.#beginPayload();
    }
    const payload = this.#payload!;
    const copied = bytes.copy(payload, this.#payloadFilled, this.#at);
    this.#payloadFilled += copied;
    this.#at += copied;
    if (this.#payloadFilled < payload.length) return false;
    const header = this.#header;
    this.#headerFilled = 0;
    this.#payload = undefined;
    const streamId = header.readUInt32BE(5) & 0x7fff_ffff;
    return handler.frame(header[3]!, header[4]!, streamId, payload, 0, payload.length);
  }
}

const emptyChunk = Buffer.alloc(0);
