/** In front of a message: whether it is packed, and its length in four bytes. */
const headSizeBytes = 5;

/** Gathers the one message of a unary answer. */
export class ResponseMessage {
  readonly #sizeBytesMax: number;
  #chunks: Buffer[] = [];
  #gatheredBytes = 0;
  /** Undefined: not known yet. */
  #sizeBytes: number | undefined;

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** As announced; 0 before that. */
  get sizeBytes(): number {
    return this.#sizeBytes ?? 0;
  }

  /** @returns what is wrong: nothing more need be pushed then */
  push(chunk: Buffer): string | undefined {
    this.#chunks.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#gatheredBytes < headSizeBytes) return undefined;
    if (this.#sizeBytes === undefined) {
      const head = this.#joined();
      if (head[0] !== 0) return 'the answer is packed, which was not asked for';
      this.#sizeBytes = head.readUInt32BE(1);
    }
    if (this.#sizeBytes > this.#sizeBytesMax) return 'too long';
    if (this.#gatheredBytes > headSizeBytes + this.#sizeBytes) return 'there is more than one answer';
    return undefined;
  }

  /** The message without its head; undefined: not all of it is there. */
  whole(): Buffer | undefined {
    if (this.#sizeBytes === undefined || this.#gatheredBytes < headSizeBytes + this.#sizeBytes) {
      return undefined;
    }
    return this.#joined().subarray(headSizeBytes);
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }
}
