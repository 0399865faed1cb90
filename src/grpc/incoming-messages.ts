import { Fifo } from '../base/fifo.js';

/** The handler, where it awaits a message. */
interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The request messages of a streaming call, for the handler to iterate over, once. They wait here until they
 * are asked for.
 */
export class IncomingMessages implements AsyncIterable<Uint8Array> {
  readonly #taken: (sizeBytes: number) => void;
  readonly #unpack: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly #messages = new Fifo<{ readonly bytes: Uint8Array; readonly compressed: boolean }>();
  #ended = false;
  #error: Error | undefined;
  readonly #waiting = new Fifo<Waiter>();
  /** Those whose message is being unpacked. */
  readonly #unpacking = new Set<Waiter>();

  /**
   * @param taken told the length of each message that leaves
   * @param unpack for compressed messages, one at a time
   */
  constructor(taken: (sizeBytes: number) => void, unpack: (bytes: Uint8Array) => Promise<Uint8Array>) {
    this.#taken = taken;
    this.#unpack = unpack;
  }

  /** Messages that the handler has not got. */
  get length(): number {
    return this.#messages.length + this.#unpacking.size;
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

  /** What was not asked for yet is dropped, and nobody waits any more, not even for a message that has come. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#ended = true;
    this.#messages.clear();
    for (const { reject } of this.#unpacking) reject(error);
    this.#unpacking.clear();
    this.#serve();
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const message = this.#messages.shift();
      if (message === undefined && !this.#ended) return;
      const waiter = this.#waiting.shift()!;
      if (message !== undefined) {
        if (message.compressed) this.#serveUnpacked(waiter, message.bytes);
        else {
          this.#taken(message.bytes.length);
          waiter.resolve({ done: false, value: message.bytes });
        }
      } else if (this.#error !== undefined) waiter.reject(this.#error);
      else waiter.resolve({ done: true, value: undefined });
    }
  }

  /** It is not taken as long as it waits to be unpacked. */
  #serveUnpacked(waiter: Waiter, bytes: Uint8Array): void {
    this.#unpacking.add(waiter);
    this.#unpack(bytes)
      .then((value) => waiter.resolve({ done: false, value }), waiter.reject)
      .finally(() => {
        this.#unpacking.delete(waiter);
        this.#taken(bytes.length);
      });
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
          this.#serve();
        }),
      return: () => {
        this.#messages.clear();
        this.#ended = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
