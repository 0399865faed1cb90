import type { Completion } from '../base/completion.js';
import { KvorumError } from '../base/errors.js';
import type { Clock } from '../ports/clock.js';
import type { CallOptions } from './types.js';

/** A call that waits for less is not asked whether its caller has gone. */
const cancelCheckAfterMs = 100;

/**
 * One caller that waits: settled once, by an answer, its deadline or its signal. Both of the latter are looked at
 * by the member's ticks: a call costs no timer and no listener of its own, and of the many that are answered
 * between two ticks nobody even has to make a signal.
 */
export class Waiter<T> {
  readonly #completion: Completion<T>;
  readonly #deadlineMs: number;
  readonly #cancelCheckAtMs: number;
  readonly #options: CallOptions | undefined;
  #settled = false;

  constructor(
    clock: Clock,
    timeoutMsMax: number,
    options: CallOptions | undefined,
    completion: Completion<T>,
  ) {
    this.#completion = completion;
    const nowMs = clock.monotonicMs();
    this.#deadlineMs = nowMs + Math.min(timeoutMsMax, options?.timeoutMs ?? timeoutMsMax);
    this.#cancelCheckAtMs = nowMs + cancelCheckAfterMs;
    this.#options = options;
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(value: T): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#completion.resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#completion.reject(error);
  }

  /** Ends the wait when its time is over, with what `error` makes, or when its caller has gone. */
  sweep(nowMs: number, error: () => KvorumError): void {
    if (this.#settled) return;
    if (this.#deadlineMs <= nowMs) this.reject(error());
    else if (this.#cancelCheckAtMs <= nowMs && hasGone(this.#options)) this.reject(callerGone);
  }

  /** As sweep, where work is done for the caller: it asks in any case whether he has gone. */
  sweepNow(nowMs: number, error: () => KvorumError): void {
    if (!this.#settled && hasGone(this.#options)) this.reject(callerGone);
    this.sweep(nowMs, error);
  }
}

const callerGone = new KvorumError('CANCELLED', 'the caller gave up; a write may still take effect');

function hasGone(options: CallOptions | undefined): boolean {
  if (options === undefined) return false;
  return 'cutShort' in options ? options.cutShort !== undefined : options.signal?.aborted === true;
}

/** The error is made when it is first asked for. Thousands of calls may end in one tick: a stack for each takes time. */
export function madeOnce(make: () => KvorumError): () => KvorumError {
  let made: KvorumError | undefined;
  return () => (made ??= make());
}
