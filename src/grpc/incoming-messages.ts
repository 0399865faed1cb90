/**
 * The request messages of a streaming call, for the handler to iterate over, once. They wait here until they
 * are asked for.
 */
export class IncomingMessages implements AsyncIterable<Uint8Array> {
  readonly #taken: (sizeBytes: number) => void;
  readonly #unpack: (bytes: Uint8Array) => Promise<Uint8Array>;
  #messages: { readonly bytes: Uint8Array; readonly compressed: boolean }[] = [];
  #ended = false;
  #error: Error | undefined;
  #waiting: {
    readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  /**
   * @param taken told the length of each message that leaves
   * @param unpack for compressed messages, one at a time
   */
  constructor(taken: (sizeBytes: number) => void, unpack: (bytes: Uint8Array) => Promise<Uint8Array>) {
    this.#taken = taken;
    this.#unpack = unpack;
  }

  /** Messages that the handler has not asked for. */
  get length(): number {
    return this.#messages.length;
  }

  push(bytes: Uint8Array, compressed: boolean): void {
    if (this.#ended) return;
    this.#messages.push({ bytes, compressed });
    this.#serve();
  }

  /** There are no more messages behind those that were pushed. */
  end(): void {
    this.#ended = true;
    this.#serve();
  }

  /** What was not asked for yet is dropped. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#ended = true;
    this.#messages = [];
    this.#serve();
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const message = this.#messages.shift();
      if (message === undefined && !this.#ended) return;
      const { resolve, reject } = this.#waiting.shift()!;
      if (message !== undefined) {
        this.#taken(message.bytes.length);
        if (message.compressed)
          this.#unpack(message.bytes).then((value) => resolve({ done: false, value }), reject);
        else resolve({ done: false, value: message.bytes });
      } else if (this.#error !== undefined) reject(this.#error);
      else resolve({ done: true, value: undefined });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
          this.#serve();
        }),
      return: () => {
        this.#messages = [];
        this.#ended = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
