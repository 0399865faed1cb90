import type { Log } from '../../base/log.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { DiskError } from '../../ports/disk.js';

/** How soon it is tried again. */
export const retryMs = 100;
/** Of the lines that say so. */
export const logIntervalMs = 10_000;

/**
 * What needs a file descriptor, and finds none left, waits until there is one: nothing is wrong with the disk, and
 * others give theirs back.
 */
export class DescriptorWait {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Of those that wait: called to try again. */
  readonly #waiting = new Set<() => void>();
  #timer: Timer | undefined;
  /** On the monotonic clock, like the next; undefined: nothing waits. */
  #sinceMs: number | undefined;
  #toldMs = -Infinity;
  #told = false;
  #ended = false;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param action does nothing, or what may be repeated, when it rejects with a DiskError for want of a descriptor */
  async run<T>(action: () => Promise<T>): Promise<T> {
    for (let waited = false; ; waited = true) {
      try {
        const result = await action();
        if (waited) this.#over();
        return result;
      } catch (error) {
        const isWait = error instanceof DiskError && error.reason === 'descriptors';
        if (!isWait || this.#ended) throw error;
        await this.#pause(error);
      }
    }
  }

  /** Nothing waits any more: what finds no descriptor is rejected. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  #pause(error: DiskError): Promise<void> {
    this.#tell(error);
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.#timer ??= this.#clock.setTimer(retryMs, () => this.#wake());
    });
  }

  #wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const tryAgain of this.#waiting) tryAgain();
    this.#waiting.clear();
  }

  #tell({ message }: DiskError): void {
    const nowMs = this.#clock.monotonicMs();
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#toldMs < logIntervalMs) return;
    this.#toldMs = nowMs;
    this.#told = true;
    const forMs = Math.round(nowMs - this.#sinceMs);
    this.#log.warn({ error: message, forMs }, 'no file descriptor is left: waiting for one');
  }

  /** What waited has got one. */
  #over(): void {
    const nowMs = this.#clock.monotonicMs();
    const forMs = Math.round(nowMs - (this.#sinceMs ?? nowMs));
    this.#sinceMs = undefined;
    if (!this.#told) return;
    this.#told = false;
    this.#log.info({ forMs }, 'there are file descriptors again');
  }
}
