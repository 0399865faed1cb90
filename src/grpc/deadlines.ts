/** Something that ends by itself. Its links are the wheel's. */
export interface Timed {
  /** Milliseconds, monotonic. */
  readonly dueMs: number;
  expired(): void;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  /** Where it stands; -1: nowhere. */
  timedSlot: number;
}

/** How late a deadline may be noticed. */
const tickMs = 16;
const slotCount = 512;

/**
 * The deadlines of all calls, in a wheel: joining and leaving are a few assignments, and one timer serves all.
 * What is due in a later round of the wheel is looked at once a round.
 */
export class Deadlines {
  readonly #slots = new Array<Timed | undefined>(slotCount).fill(undefined);
  #count = 0;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;

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
    if (timedSlot < 0) return;
    if (previousTimed === undefined) this.#slots[timedSlot] = nextTimed;
    else previousTimed.nextTimed = nextTimed;
    if (nextTimed !== undefined) nextTimed.previousTimed = previousTimed;
    timed.timedSlot = -1;
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
    while (this.#ticks < target) {
      this.#ticks++;
      this.#expire(this.#ticks % slotCount, nowMs);
    }
    if (this.#count === 0) this.close();
  }

  #expire(slot: number, nowMs: number): void {
    const due: Timed[] = [];
    for (let timed = this.#slots[slot]; timed !== undefined; timed = timed.nextTimed) {
      if (timed.dueMs <= nowMs) due.push(timed);
    }
    for (const timed of due) {
      this.remove(timed);
      timed.expired();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
