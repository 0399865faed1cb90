import { ByteReader } from '../base/byte-stream.js';
import type { Term } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { Message } from '../raft/types.js';
import { framePayload } from './frame.js';
import { readMessage } from './message-codec.js';
import { isPart, PartAssembler } from './message-parts.js';
import { OutgoingFrames } from './outgoing-frames.js';
import { protocolVersions } from './protocol-versions.js';

/** What a way over a bandwidth does with what it carries. */
export interface NarrowEnds {
  /** Brings a frame to the other end, after the others: `arrive` is called once. */
  bring(arrive: () => void): void;
  /** @returns whether what arrives now gets through; else the connection is made anew */
  open(): boolean;
  deliver(message: Message): void;
  /** Bytes of a long message of `term` have arrived. */
  heard(term: Term): void;
}

/**
 * One direction of a link in memory with a bandwidth: frames as the real transport makes them wait until those before
 * them are through. One frame at a time is handed over, so whatever is more urgent then goes first.
 */
export class NarrowWay {
  readonly #clock: Clock;
  readonly #ends: NarrowEnds;
  readonly #frames: OutgoingFrames;
  readonly #assembler = new PartAssembler();
  /** What is on its way over an earlier connection does not arrive. */
  #connection = 0;
  #busy = false;
  #bytesPerMs = Infinity;

  constructor(clock: Clock, partSizeBytes: number, ends: NarrowEnds) {
    this.#clock = clock;
    this.#ends = ends;
    this.#frames = new OutgoingFrames(partSizeBytes);
  }

  /** Something is on its way, or waits. */
  get busy(): boolean {
    return this.#busy;
  }

  push(message: Message, bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
    this.#frames.push(message);
    if (!this.#busy) this.#pump();
  }

  #pump(): void {
    const frame = this.#frames.next(protocolVersions.max, true);
    this.#busy = frame !== undefined;
    if (frame === undefined) return;
    const connection = this.#connection;
    this.#clock.setTimer(frame.length / this.#bytesPerMs, () => {
      this.#ends.bring(() => {
        if (connection === this.#connection) this.#arrive(framePayload(frame));
      });
      this.#pump();
    });
  }

  #arrive(payload: Uint8Array): void {
    if (!this.#ends.open()) {
      this.reset();
      return;
    }
    if (!isPart(payload)) {
      this.#deliver(payload);
      return;
    }
    const whole = this.#assembler.take(payload);
    this.#ends.heard(this.#assembler.term);
    if (whole !== undefined) this.#deliver(whole);
  }

  #deliver(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    while (reader.remaining > 0) this.#ends.deliver(readMessage(reader));
  }

  /** The connection is gone, and with it what waited and what was on its way. */
  reset(): void {
    this.#connection++;
    this.#frames.clear();
    this.#assembler.clear();
  }
}
