/** Who holds memory, and lets go of it by ending. */
export interface MemoryHolder {
  readonly memory: MemoryAccount;
  /** For so long what waits to be taken by the peer has not moved; 0: nothing waits. */
  stalledMs(nowMs: number): number;
  /** Ends, and its account with it: what its calls do not need any more is let go of at once. */
  evict(): void;
}

interface Clock {
  nowMs(): number;
}

/** Of the budget: with more held, answers are made only for those that take them. */
const answersShare = 0.75;

/**
 * The same for those that take them. What is left is for answers in the making: if one could pass the budget, whoever
 * asked for it, or another that works, would be cut off in place of waiting.
 */
const freshAnswersShare = 0.875;

/**
 * Of the budget: what is still held for those who end may stand beside it. With more, nobody may begin anything. Were it
 * counted with the rest, those who work would be refused each time that a hoarder is sent away.
 */
const leftShareMax = 1 / 4;

/** Who has taken nothing for so long is a hoarder, where others wait for the memory. */
const stallMsMax = 1000;

/** Who has held what it holds for so long on the average is one too, when not even those that take answers get any. */
const heldMsMax = 2000;

/** What one connection holds, and for how long on the average. */
export class MemoryAccount {
  readonly #budget: MemoryBudget;
  readonly #clock: Clock;
  #heldBytes = 0;
  /** The times at which the bytes came, added up; what is let go of is taken to be of average age. */
  #cameByteMs = 0;
  #isEnding = false;

  constructor(budget: MemoryBudget, clock: Clock) {
    this.#budget = budget;
    this.#clock = clock;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @param sizeBytes below zero when they are let go of */
  hold(sizeBytes: number): void {
    if (sizeBytes > 0) this.#cameByteMs += sizeBytes * this.#clock.nowMs();
    else if (this.#heldBytes > 0) this.#cameByteMs += sizeBytes * (this.#cameByteMs / this.#heldBytes);
    this.#heldBytes += sizeBytes;
    // Nothing is left of what rounding added.
    if (this.#heldBytes === 0) this.#cameByteMs = 0;
    if (this.#isEnding) this.#budget.left(sizeBytes);
    this.#budget.changed(sizeBytes);
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Its connection ends: what is still held goes when the handlers of the calls have heard of that. May be repeated. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#budget.left(this.#heldBytes);
  }

  /**
   * Bytes by the time that they have been held: who works fast has little however much passes through, who hoards has
   * more with every second.
   */
  weight(nowMs: number): number {
    // A millisecond for everybody: of what came in one turn, the larger weighs more.
    return this.#heldBytes * (nowMs + 1) - this.#cameByteMs;
  }

  /** For so long the bytes have been held, on the average. */
  ageMs(nowMs: number): number {
    return this.#heldBytes === 0 ? 0 : nowMs - this.#cameByteMs / this.#heldBytes;
  }

  /** Nothing large may be made now for who holds something: too much is held already. */
  get spent(): boolean {
    return this.#budget.spent;
  }

  /** No stream may be opened now. */
  get exceeded(): boolean {
    return this.#budget.exceeded;
  }
}

/** Bounds what all connections hold together: past the limit those that hoard must go. */
export class MemoryBudget {
  readonly #sizeBytesMax: number;
  readonly #holders: readonly Iterable<MemoryHolder>[];
  readonly #waiting = new Set<() => void>();
  #heldBytes = 0;
  /** Of it, for those who end. */
  #leftBytes = 0;
  #enforcing = false;

  constructor(sizeBytesMax: number, ...holders: readonly Iterable<MemoryHolder>[]) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#holders = holders;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** More is held than may be: until those that must go are gone. */
  get exceeded(): boolean {
    return this.#mustEvict || this.#countedBytes > this.#sizeBytesMax;
  }

  /** More is held than may be while others wait. */
  get spent(): boolean {
    return this.#countedBytes > this.#sizeBytesMax * answersShare;
  }

  /** More is held than may be while those wait that take their answers. */
  get crowded(): boolean {
    return this.#countedBytes > this.#sizeBytesMax * freshAnswersShare;
  }

  /** Without what may stand beside the budget. */
  get #countedBytes(): number {
    return this.#heldBytes - Math.min(this.#leftBytes, this.#sizeBytesMax * leftShareMax);
  }

  changed(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
    if (sizeBytes < 0) {
      if (this.#waiting.size > 0 && !this.spent) this.#tellRoom();
      return;
    }
    if (!this.#mustEvict || this.#enforcing) return;
    this.#enforcing = true;
    // Not here, where something may be half done, and not later: much may come in one turn.
    queueMicrotask(() => {
      this.#enforcing = false;
      this.enforce();
    });
  }

  /** For where nothing is half done, and others would be refused before the microtasks have their turn. */
  enforce(): void {
    if (this.#mustEvict) this.#evict(() => true);
  }

  /** Of what is held, so much more is for those who end. */
  left(sizeBytes: number): void {
    this.#leftBytes += sizeBytes;
    if (sizeBytes <= 0 || this.#waiting.size === 0 || this.spent) return;
    // Not here, where a connection is about to end.
    queueMicrotask(() => {
      if (!this.spent) this.#tellRoom();
    });
  }

  /** What is held for those who end cannot be had by ending others, whose it is not: it is waited for. */
  get #evictableBytes(): number {
    return this.#heldBytes - this.#leftBytes;
  }

  get #mustEvict(): boolean {
    return this.#evictableBytes > this.#sizeBytesMax;
  }

  /** Calls once when the budget is not spent any more. */
  whenRoom(tell: () => void): void {
    this.#waiting.add(tell);
  }

  #tellRoom(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
  }

  /** To be called about once a second: where others wait, those go that take nothing of what they asked for. */
  sweep(nowMs: number): void {
    if (this.#waiting.size === 0 || !this.spent) return;
    this.#evict((holder) => holder.stalledMs(nowMs) > stallMsMax);
    if (this.crowded) this.#evict(({ memory }) => memory.ageMs(nowMs) > heldMsMax);
  }

  /** Ends holders, those that weigh most first, until there is room for answers again. */
  #evict(mayGo: (holder: MemoryHolder) => boolean): void {
    const nowMs = performance.now();
    const holders = this.#holders
      .flatMap((each) => [...each])
      .filter((each) => each.memory.heldBytes > 0 && !each.memory.isEnding && mayGo(each));
    holders.sort((one, other) => other.memory.weight(nowMs) - one.memory.weight(nowMs));
    for (const holder of holders) {
      if (this.#evictableBytes <= this.#sizeBytesMax * answersShare) return;
      holder.evict();
    }
  }
}
