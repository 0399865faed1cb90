import type { Clock, Timer } from '../ports/clock.js';

interface Options {
  readonly clock: Clock;
  readonly stallMs: number;
  /** When the other end took something at last, or began to. */
  readonly advancedMs: () => number;
  /** Nothing is left to take: what the other end does then may take as long as it says that it is there. */
  readonly isTaken: () => boolean;
  readonly stalled: () => void;
}

/** Of one attempt to bring a snapshot: notices that the other end takes nothing, though it says that it is there. */
export class StallWatch {
  readonly #options: Options;
  readonly #beganMs: number;
  #timer: Timer | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#beganMs = options.clock.monotonicMs();
    this.#arm(options.stallMs);
  }

  #arm(delayMs: number): void {
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#look());
  }

  #look(): void {
    const { clock, stallMs, advancedMs, isTaken, stalled } = this.#options;
    const idleMs = clock.monotonicMs() - Math.max(this.#beganMs, advancedMs());
    if (idleMs < stallMs) this.#arm(stallMs - idleMs);
    else if (isTaken()) this.#arm(stallMs);
    else stalled();
  }

  end(): void {
    this.#timer?.cancel();
  }
}
