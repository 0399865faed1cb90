export interface Rate {
  /** So many at once. */
  readonly burst: number;
  /** So many more in each second after that. */
  readonly perSecond: number;
}

/** A token bucket. */
export class RateLimiter {
  readonly #rate: Rate;
  #tokens: number;
  #filledMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = nowMs;
  }

  /** @returns false if that was one too many */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#tokens -= 1;
    return true;
  }

  /**
   * Takes `count`, also where they are not there: down to a debt of another burst.
   *
   * @returns false if there is a debt
   */
  charge(count: number, nowMs: number): boolean {
    if (this.#tokens < count) this.#fill(nowMs);
    this.#tokens = Math.max(-this.#rate.burst, this.#tokens - count);
    return this.#tokens >= 0;
  }

  /** Whether one more could be taken. */
  has(nowMs: number): boolean {
    if (this.#tokens < 1) this.#fill(nowMs);
    return this.#tokens >= 1;
  }

  /** Gives `count` back, for work that justifies as many. */
  earn(count: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + count);
  }

  #fill(nowMs: number): void {
    this.earn(((nowMs - this.#filledMs) / 1000) * this.#rate.perSecond);
    this.#filledMs = nowMs;
  }
}
