import { KvorumError } from '../base/errors.js';
import type { Clock } from '../ports/clock.js';
import type { CallOptions } from './types.js';

/**
 * One caller that waits: settled once, by an answer, its deadline or its signal. Deadlines are swept by the
 * member's ticks, so that a call costs no timer of its own.
 */
export class Waiter<T> {
  readonly promise: Promise<T>;
  readonly deadlineMs: number;
  readonly #signal: AbortSignal | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #settled = false;

  constructor(clock: Clock, timeoutMsMax: number, options: CallOptions | undefined) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.deadlineMs = clock.monotonicMs() + Math.min(timeoutMsMax, options?.timeoutMs ?? timeoutMsMax);
    this.#signal = options?.signal;
    if (this.#signal === undefined) return;
    if (this.#signal.aborted) this.#onAbort();
    else this.#signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(value: T): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #onAbort = (): void => {
    this.reject(new KvorumError('CANCELLED', 'the caller gave up; a write may still take effect'));
  };

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
