import { Fifo } from '../base/fifo.js';

/** Something that ends by itself. Its links are the wheel's. */
export interface Timed {
  /** Milliseconds, monotonic. */
  readonly dueMs: number;
  expired(): void;
  /** `expired` has thrown. */
  failed(error: unknown): void;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  /** Where it stands; -1: nowhere, -2: among those that are due. */
  timedSlot: number;
}

/** How late a deadline may be noticed. */
const tickMs = 16;
const slotCount = 512;

/** To end a call costs some thirty microseconds: its error, its trailers, its handler. */
export const expiredPerTurn = 256;

const nowhere = -1;
const due = -2;

/**
 * The deadlines of all calls, in a wheel: joining and leaving are a few assignments, and one timer serves all.
 * What is due in a later round of the wheel is looked at once a round. Of tens of thousands that are due at one moment,
 * some expire in each turn of the event loop.
 */
export class Deadlines {
  readonly #slots = new Array<Timed | undefined>(slotCount).fill(undefined);
  #count = 0;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #due = new Fifo<Timed>();

  get count(): number {
    return this.#count;
  }

  add(timed: Timed): void {
    if (this.#timer === undefined) this.#start();
    const tick = Math.max(this.#ticks + 1, Math.ceil(timed.dueMs / tickMs));
    const slot = tick % slotCount;
    const first = this.#slots[slot];
    timed.timedSlot = slot;
    timed.nextTimed = first;
    timed.previousTimed = undefined;
    if (first !== undefined) first.previousTimed = timed;
    this.#slots[slot] = timed;
    this.#count++;
  }

  /** Harmless for what does not stand here. */
  remove(timed: Timed): void {
    const { timedSlot, previousTimed, nextTimed } = timed;
    if (timedSlot < 0) {
      timed.timedSlot = nowhere;
      return;
    }
    if (previousTimed === undefined) this.#slots[timedSlot] = nextTimed;
    else previousTimed.nextTimed = nextTimed;
    if (nextTimed !== undefined) nextTimed.previousTimed = previousTimed;
    timed.timedSlot = nowhere;
    timed.previousTimed = undefined;
    timed.nextTimed = undefined;
    this.#count--;
  }

  #start(): void {
    this.#ticks = Math.floor(performance.now() / tickMs);
    this.#timer = setInterval(() => this.#turnTo(performance.now()), tickMs);
    this.#timer.unref();
  }

  #turnTo(nowMs: number): void {
    const target = Math.floor(nowMs / tickMs);
    // After a long pause one round sees everything.
    this.#ticks = Math.max(this.#ticks, target - slotCount);
    const idle = this.#due.length === 0;
    while (this.#ticks < target) {
      this.#ticks++;
      this.#collect(this.#ticks % slotCount, nowMs);
    }
    if (idle) this.#expireSome();
    if (this.#count === 0) this.close();
  }

  #collect(slot: number, nowMs: number): void {
    for (let timed = this.#slots[slot]; timed !== undefined;) {
      const next: Timed | undefined = timed.nextTimed;
      if (timed.dueMs <= nowMs) {
        this.remove(timed);
        timed.timedSlot = due;
        this.#due.push(timed);
      }
      timed = next;
    }
  }

  readonly #expireSome = (): void => {
    const count = Math.min(this.#due.length, expiredPerTurn);
    for (let expired = 0; expired < count; expired++) this.#expire(this.#due.shift()!);
    if (this.#due.length > 0) setImmediate(this.#expireSome);
  };

  #expire(timed: Timed): void {
    if (timed.timedSlot !== due) return;
    timed.timedSlot = nowhere;
    try {
      timed.expired();
    } catch (error) {
      timed.failed(error);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
