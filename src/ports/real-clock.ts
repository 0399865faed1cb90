import { performance } from 'node:perf_hooks';
import { assert } from '../base/assert.js';
import type { Clock, Timer } from './clock.js';

/** setTimeout takes no more, and fires at once when asked to. */
const timeoutMsMax = 2 ** 31 - 1;

/** The event loop's time. */
export class RealClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    assert(delayMs >= 0, `timer delay is ${delayMs}`);
    const dueMs = performance.now() + delayMs;
    let timeout: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      timeout = setTimeout(expire, Math.min(Math.ceil(leftMs), timeoutMsMax));
    };
    const expire = (): void => {
      // The event loop counts in whole milliseconds, and may be early by one.
      const leftMs = dueMs - performance.now();
      if (leftMs > 0) wait(leftMs);
      else callback();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(timeout) };
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}
