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
    if (this.#tokens < 1) this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
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
