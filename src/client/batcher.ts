import { performance } from 'node:perf_hooks';
import { KvorumError } from '../base/errors.js';
import { attemptTimeoutMs, retryTimeMsMin } from './attempt-time.js';
import { orderBatch } from './batch-order.js';
import { encodeBatchRequest } from './batch-request.js';
import { decodeBatchResponse, type BatchResult } from './batch-response.js';
import type { Connection } from './connection.js';
import { clientClosed, type Endpoints } from './endpoints.js';
import { CallFailure, toErrorCode } from './failure.js';
import { isWrite, type PendingOperation } from './operation.js';
import { OperationQueue } from './operation-queue.js';
import type { ClientLimits } from './options.js';
import { WaitingOperations } from './waiting-operations.js';

/** Sends the operations of one turn of the event loop, and those gathered behind batches on their way, as one. */
export class Batcher {
  readonly #endpoints: Endpoints;
  readonly #limits: ClientLimits;
  readonly #waiting: WaitingOperations;
  readonly #queue = new OperationQueue();
  #inFlight = 0;
  #scheduled = false;

  constructor(endpoints: Endpoints, limits: ClientLimits) {
    this.#endpoints = endpoints;
    this.#limits = limits;
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
      const batch = this.#queue.take(operationsPerBatchMax, batchSizeBytesMax);
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
      const results = decodeBatchResponse(response);
      if (results.length !== operations.length) {
        throw new KvorumError('INTERNAL', `${results.length} results for ${operations.length} operations`);
      }
      return this.#settle(operations, results, connection);
    } catch (error) {
      const failure = toFailure(error);
      if (failure.elsewhere && connection !== undefined) this.#endpoints.failed(connection, failure.error);
      return batch.filter((operation) => this.#retryOrReject(operation, failure));
    }
  }

  /** Returns what is to be tried again. */
  #settle(
    operations: readonly PendingOperation[],
    results: readonly BatchResult[],
    connection: Connection,
  ): PendingOperation[] {
    const again: PendingOperation[] = [];
    const anyDone = results.some(({ kind }) => kind !== 'error');
    let trouble: KvorumError | undefined;
    for (let at = 0; at < operations.length; at++) {
      const operation = operations[at]!;
      const result = results[at]!;
      if (result.kind === operation.kind) {
        this.#waiting.resolve(operation, result);
        continue;
      }
      const failure = resultFailure(result);
      if (failure.elsewhere) trouble ??= failure.error;
      // Others of this batch filled the response; alone or with fewer it fits.
      const crowdedOut = failure.error.code === 'LIMIT_EXCEEDED' && operation.kind === 'get' && anyDone;
      if (crowdedOut || this.#retryOrReject(operation, failure)) again.push(operation);
    }
    if (trouble === undefined) this.#endpoints.answered(connection);
    else this.#endpoints.failed(connection, trouble);
    return again.filter(({ settled }) => !settled);
  }

  /** Whether to try again; if not, it is rejected. */
  #retryOrReject(operation: PendingOperation, failure: CallFailure): boolean {
    if (operation.settled) return false;
    const write = isWrite(operation);
    // What was filtered out before it was sent, or not sent for want of a connection, did nothing.
    if (failure.mayRetry(write) && operation.deadlineMs - performance.now() >= retryTimeMsMin) {
      operation.lastError = failure.error;
      return true;
    }
    this.#waiting.reject(operation, failure.toError(write));
    return false;
  }
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
