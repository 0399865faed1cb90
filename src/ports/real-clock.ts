import { performance } from 'node:perf_hooks';
import { assert } from '../base/assert.js';
import type { Clock, Timer } from './clock.js';

/** setTimeout takes no more, and fires at once when asked to. */
const timeoutMsMax = 2 ** 31 - 1;

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  timeout: NodeJS.Timeout | undefined;
  cancelled: boolean;
}

/** The event loop's time. It counts in whole milliseconds from the begin of a turn, so it may be early. */
export class RealClock implements Clock {
  /** Timers that the event loop fired before their time, and that wait again. */
  readonly #early = new Set<PendingTimer>();

  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, `timer delay is ${delayMs}`);
    const pending: PendingTimer = {
      dueMs: performance.now() + delayMs,
      callback,
      timeout: undefined,
      cancelled: false,
    };
    this.#wait(pending, delayMs);
    return {
      cancel: () => {
        pending.cancelled = true;
        clearTimeout(pending.timeout);
        this.#early.delete(pending);
      },
    };
  }

  #wait(pending: PendingTimer, leftMs: number): void {
    const timeoutMs = Math.min(Math.ceil(leftMs), timeoutMsMax);
    pending.timeout = setTimeout(() => this.#expire(pending), timeoutMs);
  }

  #expire(pending: PendingTimer): void {
    this.#early.delete(pending);
    const leftMs = pending.dueMs - performance.now();
    if (leftMs > 0) {
      this.#early.add(pending);
      this.#wait(pending, leftMs);
      return;
    }
    // By now those are due as well that were due before this one, and of which the event loop fired some too early.
    for (const early of this.#early) {
      if (early.dueMs > pending.dueMs) continue;
      clearTimeout(early.timeout);
      this.#early.delete(early);
      early.callback();
    }
    // One of them may have cancelled this one.
    if (!pending.cancelled) pending.callback();
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}
