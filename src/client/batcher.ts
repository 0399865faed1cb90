import { KvorumError } from '../base/errors.js';
import { attemptTimeoutMs, retryTimeMsMin } from './attempt-time.js';
import { orderBatch } from './batch-order.js';
import { encodeBatchRequest } from './batch-request.js';
import { readBatchResponse, type BatchResult } from './batch-response.js';
import type { Connection } from './connection.js';
import { clientClosed, type Endpoints } from './endpoints.js';
import { CallFailure, toErrorCode } from './failure.js';
import { GetWindow } from './get-window.js';
import { isWrite, type PendingOperation } from './operation.js';
import { OperationQueue } from './operation-queue.js';
import type { ClientLimits } from './options.js';
import { WaitingOperations } from './waiting-operations.js';

/** So many, and as many as wait, may be in the queue though they are settled. */
const settledMax = 1024;

/** Sends the operations of one turn of the event loop, and those gathered behind batches on their way, as one. */
export class Batcher {
  readonly #endpoints: Endpoints;
  readonly #limits: ClientLimits;
  readonly #waiting: WaitingOperations;
  readonly #queue = new OperationQueue();
  readonly #getWindow: GetWindow;
  #inFlight = 0;
  #scheduled = false;

  constructor(endpoints: Endpoints, limits: ClientLimits) {
    this.#endpoints = endpoints;
    this.#limits = limits;
    this.#getWindow = new GetWindow(limits.operationsPerBatchMax);
    this.#waiting = new WaitingOperations(
      limits,
      () => this.#queue,
      () => endpoints.trouble,
    );
  }

  /** Settles the operation sooner or later; may reject it at once. */
  add(operation: PendingOperation): void {
    if (!this.#waiting.add(operation)) return;
    this.#queue.push(operation);
    // What was cancelled or has expired behind requests that get no answer does not count as waiting, but is there.
    if (this.#queue.waitingCount > 2 * this.#waiting.count + settledMax) this.#queue.dropSettled();
    this.#schedule();
  }

  close(): void {
    this.#waiting.rejectAll(clientClosed());
  }

  /** To the end of the turn, so that what is called meanwhile goes along. */
  #schedule(): void {
    if (this.#scheduled || this.#queue.isEmpty || this.#inFlight >= this.#limits.batchesInFlightMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const { batchesInFlightMax, operationsPerBatchMax, batchSizeBytesMax } = this.#limits;
    while (this.#inFlight < batchesInFlightMax && !this.#queue.isEmpty) {
      const batch = this.#queue.take(operationsPerBatchMax, batchSizeBytesMax, this.#getWindow.count);
      if (batch.length === 0) break;
      this.#inFlight += 1;
      void this.#run(batch);
    }
  }

  async #run(batch: readonly PendingOperation[]): Promise<void> {
    const again = await this.#attempt(batch);
    for (const operation of batch) operation.sent = false;
    this.#queue.release(batch, again);
    this.#inFlight -= 1;
    this.#schedule();
  }

  /** Returns the operations to be tried again, in the order of their calls; the others are settled. */
  async #attempt(batch: readonly PendingOperation[]): Promise<PendingOperation[]> {
    let connection: Connection | undefined;
    let operations = batch;
    try {
      // Without a wait, the request leaves in the turn that gathered it.
      connection = this.#endpoints.ready ?? (await this.#endpoints.connected(remainingMs(batch)));
      operations = orderBatch(batch.filter(({ settled }) => !settled));
      if (operations.length === 0) return [];
      for (const operation of operations) operation.sent = true;
      const timeoutMs = attemptTimeoutMs(remainingMs(operations), this.#endpoints.count);
      const request = encodeBatchRequest(operations);
      const response = await connection.call('/kvorum.v1.Store/Batch', request, timeoutMs);
      const results = readBatchResponse(response) ?? (await readAny(response));
      if (results.length !== operations.length) {
        throw new KvorumError('INTERNAL', `${results.length} results for ${operations.length} operations`);
      }
      return this.#settle(operations, results, connection);
    } catch (error) {
      const failure = toFailure(error);
      if (failure.elsewhere && connection !== undefined) this.#endpoints.failed(connection, failure.error);
      const smaller = failure.responseTooLarge && this.#narrow(operations);
      return batch.filter((operation) => {
        if (smaller && !isWrite(operation)) return !operation.settled;
        return this.#retryOrReject(operation, failure);
      });
    }
  }

  /** After a response that was too large. Returns whether fewer gets may have a smaller one. */
  #narrow(operations: readonly PendingOperation[]): boolean {
    const getCount = countGets(operations);
    this.#getWindow.tooLarge(getCount);
    return getCount > 1;
  }

  /** Returns what is to be tried again. */
  #settle(
    operations: readonly PendingOperation[],
    results: readonly BatchResult[],
    connection: Connection,
  ): PendingOperation[] {
    const again: PendingOperation[] = [];
    const fullAt = findFull(operations, results);
    this.#adaptWindow(operations, results, fullAt);
    let trouble: KvorumError | undefined;
    for (let at = 0; at < operations.length; at++) {
      const operation = operations[at]!;
      const result = results[at]!;
      if (result.kind === operation.kind) {
        this.#waiting.resolve(operation, result);
        continue;
      }
      if (at >= fullAt && isLimitExceeded(result)) {
        // Of a write it would have to be certain that it did nothing.
        if (operation.kind === 'get') operation.lastError = crowdedOut;
        again.push(operation);
        continue;
      }
      const failure = resultFailure(result);
      if (failure.elsewhere) trouble ??= failure.error;
      if (this.#retryOrReject(operation, failure)) again.push(operation);
    }
    if (trouble === undefined) this.#endpoints.answered(connection);
    else this.#endpoints.failed(connection, trouble);
    return again.filter(({ settled }) => !settled);
  }

  #adaptWindow(
    operations: readonly PendingOperation[],
    results: readonly BatchResult[],
    fullAt: number,
  ): void {
    const full = fullAt < results.length;
    // The usual case, in which nothing has to be counted.
    if (!full && !this.#getWindow.isNarrow) return;
    let getCount = 0;
    let sizeBytes = 0;
    for (let at = 0; at < Math.min(fullAt, results.length); at++) {
      const result = results[at]!;
      if (operations[at]!.kind !== 'get') continue;
      getCount += 1;
      if (result.kind === 'get' && result.pair !== undefined) {
        sizeBytes += result.pair.key.length + result.pair.value.length;
      }
    }
    if (full) this.#getWindow.filled(getCount, sizeBytes);
    else this.#getWindow.fitted(getCount, sizeBytes);
  }

  /** Whether to try again; if not, it is rejected. */
  #retryOrReject(operation: PendingOperation, failure: CallFailure): boolean {
    if (operation.settled) return false;
    const write = isWrite(operation);
    // What was filtered out before it was sent, or not sent for want of a connection, did nothing.
    const mayRetry = failure.mayRetry(write) && !this.#endpoints.isOtherCluster;
    if (mayRetry && operation.deadlineMs - performance.now() >= retryTimeMsMin) {
      operation.lastError = failure.error;
      return true;
    }
    this.#waiting.reject(operation, failure.toError(write));
    return false;
  }
}

async function readAny(response: Buffer): Promise<readonly BatchResult[]> {
  const { decodeAnyBatchResponse } = await import('./any-batch-response.js');
  return decodeAnyBatchResponse(response);
}

/** What a get is told whose time ended before it could be asked for again. */
const crowdedOut = new KvorumError(
  'DEADLINE_EXCEEDED',
  'not answered in time: the values that were asked for before it filled the responses',
);

/** Where the first get stands that found the response full; behind all if there is none. */
function findFull(operations: readonly PendingOperation[], results: readonly BatchResult[]): number {
  let anyGot = false;
  for (let at = 0; at < results.length; at++) {
    const result = results[at]!;
    if (result.kind === 'get') anyGot = true;
    // Alone it would have fitted.
    else if (anyGot && operations[at]!.kind === 'get' && isLimitExceeded(result)) return at;
  }
  return Infinity;
}

function isLimitExceeded(result: BatchResult): boolean {
  return result.kind === 'error' && result.code === 'LIMIT_EXCEEDED';
}

function countGets(operations: readonly PendingOperation[]): number {
  let count = 0;
  for (const { kind } of operations) if (kind === 'get') count += 1;
  return count;
}

/** To the last deadline: each operation's own ends only its own wait. */
function remainingMs(operations: readonly PendingOperation[]): number {
  let deadlineMs = 0;
  for (const operation of operations) deadlineMs = Math.max(deadlineMs, operation.deadlineMs);
  return Math.max(1, deadlineMs - performance.now());
}

function resultFailure(result: BatchResult): CallFailure {
  if (result.kind !== 'error') {
    return new CallFailure(
      new KvorumError('INTERNAL', 'an operation was answered by a result of another kind'),
    );
  }
  return new CallFailure(new KvorumError(toErrorCode(result.code), result.message));
}

function toFailure(error: unknown): CallFailure {
  if (error instanceof CallFailure) return error;
  if (error instanceof KvorumError) return new CallFailure(error);
  return new CallFailure(new KvorumError('INTERNAL', 'the request could not be made', { cause: error }));
}
