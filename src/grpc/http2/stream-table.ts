import { StreamMap } from './stream-map.js';
import type { Stream } from './stream.js';

/** In memory for each ended stream that is remembered: its places in a map and a ring, which grow by doubling. */
const rememberedSizeBytes = 88;

/**
 * Cancelled calls that may still be worked on, for each that may be open. A member that was paused, or whose disk was, for a
 * second finds all that an honest client has opened and given up meanwhile, thousands a second where its time-outs are
 * short; what they hold counts as held.
 */
const lingeringPerOpenMax = 4;

/** The streams of one connection, and what is remembered of those that are gone. */
export class StreamTable {
  readonly #streams = new StreamMap();
  readonly #openMax: number;
  /**
   * Streams that we ended while the peer was sending: it may not know yet, so its frames for them are no mistake. With
   * each, what was left of its window, which is all that can be on its way.
   */
  readonly #endedByUs = new Map<number, number>();
  /** The latest of their ids, in a ring: the oldest makes room, also if it is forgotten already. */
  readonly #latestEnded: number[] = [];
  #nextEnded = 0;
  /** Calls that still run although their stream is gone. They are bounded too, or resets would make room for more. */
  #lingering = 0;
  /** The highest id that the peer has opened; ids go up (RFC 9113, section 5.1.1). */
  lastId = 0;

  constructor(openMax: number) {
    this.#openMax = openMax;
  }

  /** In memory for streams that are gone. */
  get heldBytes(): number {
    return this.#latestEnded.length * rememberedSizeBytes;
  }

  get open(): number {
    return this.#streams.size;
  }

  /** No stream may be opened now. */
  get full(): boolean {
    return this.#streams.size >= this.#openMax;
  }

  /** So many calls run on although their streams are gone that no stream may be opened. The peer cannot know. */
  get overrun(): boolean {
    return this.#lingering >= lingeringPerOpenMax * this.#openMax;
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
    // A peer that has not learned of this end has learned of no later one either, for they come in order; and it can
    // hold no more than openMax streams for open. Twice as many, for those that it opened before it knew the limit.
    if (this.#latestEnded.length < 2 * this.#openMax) this.#latestEnded.push(id);
    else {
      this.#endedByUs.delete(this.#latestEnded[this.#nextEnded]!);
      this.#latestEnded[this.#nextEnded] = id;
      this.#nextEnded = (this.#nextEnded + 1) % this.#latestEnded.length;
    }
    this.#endedByUs.set(id, windowBytes);
  }

  /** No frame is awaited any more. */
  forgetEnded(): void {
    this.#endedByUs.clear();
    this.#latestEnded.length = 0;
    this.#nextEnded = 0;
  }

  isIgnored(id: number): boolean {
    return this.#endedByUs.has(id);
  }

  /**
   * Content of an ignored stream came.
   *
   * @returns false if that was more than its window had left
   */
  passOver(id: number, sizeBytes: number, last: boolean): boolean {
    const leftBytes = this.#endedByUs.get(id)! - sizeBytes;
    if (last) this.#endedByUs.delete(id);
    else this.#endedByUs.set(id, leftBytes);
    return leftBytes >= 0;
  }
}
