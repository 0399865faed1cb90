import type { Clock } from '../ports/clock.js';

/**
 * The monotonic clock stands still while the machine is suspended, and nothing else tells that time has passed for the
 * others: the wall clock does. It may jump for other reasons too; then time counts as lost once for nothing.
 */
export class SuspensionWatch {
  readonly #clock: Clock;
  readonly #toleranceMs: number;
  #differenceMs: number;

  constructor(clock: Clock, toleranceMs: number) {
    this.#clock = clock;
    this.#toleranceMs = toleranceMs;
    this.#differenceMs = clock.wallMs() - clock.monotonicMs();
  }

  /** @returns whether more time has passed than the monotonic clock tells, since this was last so */
  noticed(): boolean {
    const differenceMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    if (Math.abs(differenceMs - this.#differenceMs) <= this.#toleranceMs) return false;
    this.#differenceMs = differenceMs;
    return true;
  }
}
