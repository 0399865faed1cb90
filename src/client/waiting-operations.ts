import { performance } from 'node:perf_hooks';
import { KvorumError } from '../base/errors.js';
import { outcomeUnknown } from './failure.js';
import type { BatchResult } from './batch-response.js';
import { isWrite, sizeBytesOf, type PendingOperation } from './operation.js';
import type { ClientLimits } from './options.js';

/**
 * The operations that have no result yet: their limits, their deadlines and their cancellation. One timer serves
 * all deadlines; most operations have the same time to wait, so it rarely has to be set.
 */
export class WaitingOperations {
  readonly #limits: ClientLimits;
  readonly #all: () => Iterable<PendingOperation>;
  readonly #trouble: () => KvorumError | undefined;
  #count = 0;
  #sizeBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;

  /**
   * @param all the operations that were added; those that are settled may be among them
   * @param trouble why no server does the work now, if none does
   */
  constructor(
    limits: ClientLimits,
    all: () => Iterable<PendingOperation>,
    trouble: () => KvorumError | undefined,
  ) {
    this.#limits = limits;
    this.#all = all;
    this.#trouble = trouble;
  }

  /** False if the operation was refused, or cancelled before it came. */
  add(operation: PendingOperation): boolean {
    const { operationsWaitingMax, waitingSizeBytesMax } = this.#limits;
    const sizeBytes = sizeBytesOf(operation);
    if (this.#count >= operationsWaitingMax) {
      const what = `${this.#count} operations are waiting`;
      operation.reject(limitExceeded(`${what}, the limit is ${operationsWaitingMax} (operationsWaitingMax)`));
      return false;
    }
    if (this.#sizeBytes + sizeBytes > waitingSizeBytesMax) {
      const what = `${this.#sizeBytes} bytes are waiting`;
      operation.reject(limitExceeded(`${what}, the limit is ${waitingSizeBytesMax} (waitingSizeBytesMax)`));
      return false;
    }
    this.#count += 1;
    this.#sizeBytes += sizeBytes;
    if (operation.signal !== undefined) this.#listen(operation, operation.signal);
    this.#setTimer(operation.deadlineMs);
    return !operation.settled;
  }

  /** @param result of the operation's kind */
  resolve(operation: PendingOperation, result: BatchResult): void {
    if (!this.#settle(operation)) return;
    try {
      operation.resolve(operation.answer(result));
    } catch (error) {
      operation.reject(error);
    }
  }

  reject(operation: PendingOperation, error: KvorumError): void {
    if (this.#settle(operation)) operation.reject(error);
  }

  /** A write that was sent is rejected as unknown, with `error` as the cause. */
  rejectAll(error: KvorumError): void {
    for (const operation of this.#all()) {
      this.reject(operation, isWrite(operation) && operation.sent ? outcomeUnknown(error) : error);
    }
  }

  #settle(operation: PendingOperation): boolean {
    if (operation.settled) return false;
    operation.settled = true;
    this.#count -= 1;
    this.#sizeBytes -= sizeBytesOf(operation);
    if (operation.onAbort !== undefined) operation.signal?.removeEventListener('abort', operation.onAbort);
    if (this.#count === 0) this.#clearTimer();
    return true;
  }

  #listen(operation: PendingOperation, signal: AbortSignal): void {
    operation.onAbort = () => {
      const error = new KvorumError('CANCELLED', 'the caller cancelled');
      this.reject(operation, isWrite(operation) && operation.sent ? outcomeUnknown(error) : error);
    };
    if (signal.aborted) operation.onAbort();
    else signal.addEventListener('abort', operation.onAbort);
  }

  #setTimer(deadlineMs: number): void {
    if (deadlineMs >= this.#timerAtMs || this.#count === 0) return;
    this.#clearTimer();
    this.#timerAtMs = deadlineMs;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, deadlineMs - performance.now()));
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = Infinity;
  }

  #expire(): void {
    this.#timerAtMs = Infinity;
    const nowMs = performance.now();
    let nextMs = Infinity;
    for (const operation of this.#all()) {
      if (operation.settled) continue;
      if (operation.deadlineMs <= nowMs) this.reject(operation, this.#expired(operation));
      else nextMs = Math.min(nextMs, operation.deadlineMs);
    }
    if (nextMs < Infinity) this.#setTimer(nextMs);
  }

  #expired(operation: PendingOperation): KvorumError {
    if (operation.sent) {
      const error = new KvorumError('DEADLINE_EXCEEDED', 'no answer in time');
      return isWrite(operation) ? outcomeUnknown(error) : error;
    }
    const known = operation.lastError ?? this.#trouble();
    return known ?? new KvorumError('SERVER_UNREACHABLE', 'not sent: earlier requests have no answer yet');
  }
}

function limitExceeded(message: string): KvorumError {
  return new KvorumError('LIMIT_EXCEEDED', message);
}
