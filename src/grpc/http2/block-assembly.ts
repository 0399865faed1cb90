import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode } from './protocol.js';

/** A header block that HEADERS began and CONTINUATION frames go on with (RFC 9113, section 6.10). */
export class BlockAssembly {
  readonly #limits: Http2Limits;
  /** 0: none has begun. */
  streamId = 0;
  endStream = false;
  #parts: Buffer[] = [];
  #sizeBytes = 0;
  #frames = 0;

  /** In memory for a block that has not ended. */
  get heldBytes(): number {
    return this.#sizeBytes;
  }

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  begin(streamId: number, endStream: boolean, part: Buffer): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#frames = -1;
    this.add(part);
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  add(part: Buffer): void {
    const { headerBlockSizeBytesMax, continuationFramesMax } = this.#limits;
    this.#sizeBytes += part.length;
    this.#frames++;
    if (this.#sizeBytes > headerBlockSizeBytesMax || this.#frames > continuationFramesMax) {
      throw new ConnectionError(
        errorCode.enhanceYourCalm,
        'the header block is too large (headerBlockSizeBytesMax, continuationFramesMax)',
      );
    }
    // A view would keep a whole chunk in memory.
    this.#parts.push(Buffer.from(part));
  }

  /** The whole block; the next one may begin. */
  end(): Buffer {
    const block = Buffer.concat(this.#parts, this.#sizeBytes);
    this.clear();
    return block;
  }

  clear(): void {
    this.streamId = 0;
    this.#parts = [];
    this.#sizeBytes = 0;
  }
}
