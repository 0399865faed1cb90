import { KvorumError } from '../../base/errors.js';
import type { AnswerRoom, CallContext, CallTime } from '../../base/rpc.js';
import type { CommandResult } from '../../fsm/command.js';
import type { Member } from '../../member/types.js';
import { limitExceeded, type ApiLimits } from '../limits.js';
import type { BatchOperation, BatchWrite } from './batch-request.js';
import type { BatchResult } from './batch-response.js';
import type { GetTurns } from './get-turns.js';
import { checkKey, checkValue, expectResult } from './rules.js';

/** What batches are run with. */
export interface BatchServices {
  readonly member: Member;
  readonly limits: ApiLimits;
  readonly turns: GetTurns;
}

export type BatchContext = CallTime & AnswerRoom & Pick<CallContext, 'connection'>;

/**
 * Runs the operations of one Batch in order. Writes that stand together enter the log together. The first
 * linearizable get needs a read barrier; after that, or after a write of this batch was applied, the local
 * state holds everything acknowledged before the batch began, so later gets need no other. They share a slice of work
 * with the gets of other batches, and others' writes may come between them.
 */
export class BatchRun {
  readonly #member: Member;
  readonly #limits: ApiLimits;
  readonly #turns: GetTurns;
  readonly #context: BatchContext;
  readonly #results: BatchResult[] = [];
  /** What is to enter the log together, and the places of the results. */
  #writes: BatchWrite[] = [];
  #writePlaces: number[] = [];
  #fresh = false;
  #responseSizeBytes = 0;
  /** After a get that did not fit nothing later is done: asked again, it must not see a later write of its batch. */
  #full: KvorumError | undefined;
  /** After the member could not serve a step nothing later may take effect: the order would be lost. */
  #failure: KvorumError | undefined;

  constructor(services: BatchServices, context: BatchContext) {
    const { member, limits, turns } = services;
    this.#member = member;
    this.#limits = limits;
    this.#turns = turns;
    this.#context = context;
  }

  /** One result for each operation. Rejects with why the call was cut short; else only with errors that are bugs. */
  async run(operations: readonly BatchOperation[]): Promise<readonly BatchResult[]> {
    try {
      await this.#runAll(operations);
    } finally {
      this.#turns.pauses();
    }
    return this.#results;
  }

  async #runAll(operations: readonly BatchOperation[]): Promise<void> {
    for (let at = 0; at < operations.length; at++) {
      const operation = operations[at]!;
      // Hundreds of errors that nobody wants take time: a client may cut off as many batches as it likes.
      if (this.#context.cutShort !== undefined) throw this.#context.cutShort;
      try {
        if (operation.type === 'refused') throw operation.error;
        checkKey('key', operation.key, this.#limits);
        if (this.#full !== undefined) throw this.#full;
        if (operation.type === 'get') {
          await this.#flushWrites();
          this.#results[at] = await this.#get(operation.key, operation.serializable);
        } else {
          if (operation.type === 'put') checkValue('value', operation.value, this.#limits);
          this.#writes.push(operation);
          this.#writePlaces.push(at);
        }
      } catch (error) {
        this.#results[at] = errorResult(error);
      }
    }
    await this.#flushWrites();
  }

  async #flushWrites(): Promise<void> {
    const writes = this.#writes;
    const places = this.#writePlaces;
    if (writes.length === 0) return;
    this.#writes = [];
    this.#writePlaces = [];
    try {
      const results = await this.#step(() => this.#member.writeAll(writes, this.#context));
      this.#fresh = true;
      for (let nth = 0; nth < writes.length; nth++) {
        this.#results[places[nth]!] = writeResult(writes[nth]!, results[nth]);
      }
    } catch (error) {
      for (const at of places) this.#results[at] = errorResult(error);
    }
  }

  async #get(key: Uint8Array, serializable: boolean): Promise<BatchResult> {
    if (!serializable && !this.#fresh) {
      await this.#step(() => this.#member.readBarrier(this.#context));
      this.#fresh = true;
    }
    const turn = this.#turns.enter(this.#context.connection);
    if (turn !== undefined) await turn;
    if (this.#context.cutShort !== undefined) throw this.#context.cutShort;
    // Behind all other waiting: room is for what is read at once.
    // Not before the caller takes what he was sent: values may be large. But what has begun goes on: batches that
    // hold a part of their answers each, and wait for the room that the others hold, would wait for ever.
    if (this.#responseSizeBytes === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      // No wait where there is room: what is read now is counted before the next batch asks.
      const room = this.#context.room();
      if (room !== undefined) await this.#step(() => room);
    }
    const item = this.#member.rangeLocal({ key, revision: 0, limit: 1 }).items[0];
    this.#turns.made(key.length + (item?.value.length ?? 0));
    if (item === undefined) return { type: 'get', pair: undefined };
    const sizeBytes = this.#responseSizeBytes + item.key.length + item.value.length;
    // The first always fits, also a value of before the limit was lowered.
    if (sizeBytes > this.#limits.responseSizeBytesMax && this.#responseSizeBytes > 0) {
      const what = `the batch's answers would be ${sizeBytes} bytes with one more`;
      this.#full = limitExceeded('responseSizeBytesMax', what, this.#limits.responseSizeBytesMax);
      throw this.#full;
    }
    this.#context.gathered(item.key.length + item.value.length);
    this.#responseSizeBytes = sizeBytes;
    return { type: 'get', pair: item };
  }

  async #step<T>(step: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#turns.pauses();
    try {
      return await step();
    } catch (error) {
      if (error instanceof KvorumError) this.#failure = error;
      throw error;
    }
  }
}

function writeResult({ type }: BatchWrite, result: CommandResult | undefined): BatchResult {
  try {
    if (result?.type !== 'not-expected') return expectResult(type, result);
    const { revision, modRevision: foundModRevision } = result;
    return type === 'put'
      ? { type, revision, foundModRevision }
      : { type, revision, deletedCount: 0, foundModRevision };
  } catch (error) {
    return errorResult(error);
  }
}

function errorResult(error: unknown): BatchResult {
  if (!(error instanceof KvorumError)) throw error;
  return { type: 'error', code: error.code, message: error.message };
}
