import { StreamMap } from './stream-map.js';
import type { Stream } from './stream.js';

/** The streams of one connection, and what is remembered of those that are gone. */
export class StreamTable {
  readonly #streams = new StreamMap();
  readonly #openMax: number;
  /**
   * Streams that we reset: the peer may not know yet, so its frames for them are no mistake. With each, what was
   * left of its window, which is all that can be on its way.
   */
  readonly #resetByUs = new Map<number, number>();
  /** Calls that still run although their stream is gone. They count, or resets would make room for more. */
  #lingering = 0;
  /** The highest id that the peer has opened; ids go up (RFC 9113, section 5.1.1). */
  lastId = 0;

  constructor(openMax: number) {
    this.#openMax = openMax;
  }

  get open(): number {
    return this.#streams.size;
  }

  /** No stream may be opened now. */
  get full(): boolean {
    return this.#streams.size + this.#lingering >= this.#openMax;
  }

  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** Whether the peer has ever opened it. */
  wasOpened(id: number): boolean {
    return id <= this.lastId && id % 2 === 1;
  }

  /** Those that are open now, in no particular order. */
  all(): readonly Stream[] {
    return this.#streams.values();
  }

  add(stream: Stream): void {
    this.#streams.add(stream);
  }

  remove(stream: Stream): void {
    stream.gone = true;
    this.#streams.delete(stream);
    if (stream.busy) this.#lingering++;
  }

  /** The call of a stream that is gone has ended. */
  settled(): void {
    this.#lingering--;
  }

  /** Frames that arrive for this stream from now on are passed over. */
  ignore(id: number, windowBytes: number): void {
    // The peer learns of a reset within a round trip, and can have opened no more than these by then.
    if (this.#resetByUs.size >= 2 * this.#openMax) {
      this.#resetByUs.delete(this.#resetByUs.keys().next().value!);
    }
    this.#resetByUs.set(id, windowBytes);
  }

  isIgnored(id: number): boolean {
    return this.#resetByUs.has(id);
  }

  /**
   * Content of an ignored stream came.
   *
   * @returns false if that was more than its window had left
   */
  passOver(id: number, sizeBytes: number, last: boolean): boolean {
    const leftBytes = this.#resetByUs.get(id)! - sizeBytes;
    if (last) this.#resetByUs.delete(id);
    else this.#resetByUs.set(id, leftBytes);
    return leftBytes >= 0;
  }
}
