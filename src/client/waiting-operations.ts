import { KvorumError } from '../base/errors.js';
import { onAbort, stopWaitingForAbort } from './abort-signals.js';
import { outcomeUnknown } from './failure.js';
import type { BatchResult } from './batch-response.js';
import { isWrite, sizeBytesOf, type PendingOperation } from './operation.js';
import type { ClientLimits } from './options.js';

/** Looking for what has expired may take this share of the time; so an expiry may come a little late. */
const expiryShareMax = 0.1;

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
  /** No look at the deadlines before this. */
  #expiryFromMs = 0;

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

  get count(): number {
    return this.#count;
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
    if (operation.onAbort !== undefined) stopWaitingForAbort(operation.signal!, operation.onAbort);
    if (this.#count === 0) this.#clearTimer();
    return true;
  }

  #listen(operation: PendingOperation, signal: AbortSignal): void {
    const cancel = (): void => {
      const error = new KvorumError('CANCELLED', 'the caller cancelled');
      this.reject(operation, isWrite(operation) && operation.sent ? outcomeUnknown(error) : error);
    };
    if (signal.aborted) cancel();
    else operation.onAbort = onAbort(signal, cancel);
  }

  #setTimer(deadlineMs: number): void {
    const atMs = Math.max(deadlineMs, this.#expiryFromMs);
    if (atMs >= this.#timerAtMs || this.#count === 0) return;
    this.#clearTimer();
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, atMs - performance.now()));
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
    const endMs = performance.now();
    this.#expiryFromMs = Math.ceil(endMs + (endMs - nowMs) / expiryShareMax);
    if (nextMs < Infinity) this.#setTimer(nextMs);
  }

  #expired(operation: PendingOperation): KvorumError {
    if (operation.sent) {
      const error = new KvorumError('DEADLINE_EXCEEDED', 'no answer in time');
      return isWrite(operation) ? outcomeUnknown(error) : error;
    }
    const known = operation.lastError ?? this.#trouble();
    if (known !== undefined) return isWrite(operation) ? notApplied(known) : known;
    const { batchesInFlightMax } = this.#limits;
    const before = `as many requests as may be on their way have no answer yet (batchesInFlightMax: ${batchesInFlightMax})`;
    // A write that was not sent did nothing, which DEADLINE_EXCEEDED would not tell.
    return new KvorumError(
      isWrite(operation) ? 'LIMIT_EXCEEDED' : 'DEADLINE_EXCEEDED',
      `not sent in time: ${before}`,
    );
  }
}

/** A write that was not sent did nothing, whatever was wrong with the server. */
function notApplied(error: KvorumError): KvorumError {
  if (error.outcome === 'not-applied') return error;
  return new KvorumError('SERVER_UNREACHABLE', `not sent: ${error.message}`, { cause: error });
}

function limitExceeded(message: string): KvorumError {
  return new KvorumError('LIMIT_EXCEEDED', message);
}
