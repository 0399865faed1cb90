import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from './clock.js';

/** The event loop's time. */
export class RealClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}
