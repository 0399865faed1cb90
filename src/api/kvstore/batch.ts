import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import type { CallTime } from '../../base/rpc.js';
import type { Command, CommandResult, KeyValue } from '../../fsm/command.js';
import type { Operation, OperationResult, Pair } from '../../generated/kvorum.js';
import type { Member } from '../../member/types.js';
import { limitExceeded, type ApiLimits } from '../limits.js';
import { checkKey, checkValue, expectResult } from './rules.js';

type Write = Extract<NonNullable<Operation['kind']>, { $case: 'put' | 'delete' }>;

/**
 * Runs the operations of one Batch in order. Writes that stand together enter the log together. The first
 * linearizable get needs a read barrier; after that, or after a write of this batch was applied, the local
 * state holds everything acknowledged before the batch began, so later gets are served at once.
 */
export class BatchRun {
  readonly #member: Member;
  readonly #limits: ApiLimits;
  readonly #context: CallTime;
  readonly #results: OperationResult[] = [];
  #writes: { readonly at: number; readonly command: Command }[] = [];
  #fresh = false;
  #responseSizeBytes = 0;
  /** After the member could not serve a step nothing later may take effect: the order would be lost. */
  #failure: KvorumError | undefined;

  constructor(member: Member, limits: ApiLimits, context: CallTime) {
    this.#member = member;
    this.#limits = limits;
    this.#context = context;
  }

  /** One result for each operation. Rejects only with errors that are bugs. */
  async run(operations: readonly Operation[]): Promise<OperationResult[]> {
    for (const [at, { kind }] of operations.entries()) {
      try {
        if (kind === undefined) {
          throw new KvorumError('INVALID_REQUEST', `operations[${at}] is of no kind that this member knows`);
        }
        checkKey('key', kind.value.key, this.#limits);
        if (kind.$case === 'get') {
          await this.#flushWrites();
          this.#results[at] = await this.#get(kind.value.key, kind.value.serializable);
        } else {
          this.#writes.push({ at, command: this.#command(kind) });
        }
      } catch (error) {
        this.#results[at] = errorResult(error);
      }
    }
    await this.#flushWrites();
    return this.#results;
  }

  #command(kind: Write): Command {
    const { key } = kind.value;
    const expectedModRevision = toExpected(kind.value.expectedModRevision);
    if (kind.$case === 'delete') {
      return { type: 'delete-range', key, end: undefined, previous: false, expectedModRevision };
    }
    const { value } = kind.value;
    checkValue('value', value, this.#limits);
    return { type: 'put', key, value, lease: 0n, previous: false, expectedModRevision };
  }

  async #flushWrites(): Promise<void> {
    const writes = this.#writes;
    if (writes.length === 0) return;
    this.#writes = [];
    try {
      const results = await this.#step(() =>
        this.#member.writeAll(
          writes.map(({ command }) => command),
          this.#context,
        ),
      );
      this.#fresh = true;
      for (const [nth, { at, command }] of writes.entries()) {
        this.#results[at] = writeResult(command, results[nth]);
      }
    } catch (error) {
      for (const { at } of writes) this.#results[at] = errorResult(error);
    }
  }

  async #get(key: Uint8Array, serializable: boolean): Promise<OperationResult> {
    if (!serializable && !this.#fresh) {
      await this.#step(() => this.#member.readBarrier(this.#context));
      this.#fresh = true;
    }
    const item = this.#member.rangeLocal({ key, revision: 0, limit: 1 }).items[0];
    if (item === undefined) return { kind: { $case: 'get', value: {} } };
    const sizeBytes = this.#responseSizeBytes + item.key.length + item.value.length;
    if (sizeBytes > this.#limits.responseSizeBytesMax) {
      const what = `the batch's answers would be ${sizeBytes} bytes with this one`;
      throw limitExceeded('responseSizeBytesMax', what, this.#limits.responseSizeBytesMax);
    }
    this.#responseSizeBytes = sizeBytes;
    return { kind: { $case: 'get', value: { pair: toPair(item) } } };
  }

  async #step<T>(step: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await step();
    } catch (error) {
      if (error instanceof KvorumError) this.#failure = error;
      throw error;
    }
  }
}

/** @throws KvorumError INVALID_REQUEST */
function toExpected(revision: bigint | undefined): Revision | undefined {
  if (revision === undefined) return undefined;
  if (revision >= 0n && revision <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(revision);
  throw new KvorumError('INVALID_REQUEST', `expected_mod_revision cannot be a revision: ${revision}`);
}

function writeResult(command: Command, result: CommandResult | undefined): OperationResult {
  try {
    if (result?.type === 'not-expected') return notExpectedResult(command, result);
    if (command.type === 'put') {
      const { revision } = expectResult('put', result);
      return { kind: { $case: 'put', value: { revision: BigInt(revision) } } };
    }
    const { revision, deletedCount } = expectResult('delete-range', result);
    const value = { revision: BigInt(revision), deleted: BigInt(deletedCount) };
    return { kind: { $case: 'delete', value } };
  } catch (error) {
    return errorResult(error);
  }
}

function notExpectedResult(
  command: Command,
  result: Extract<CommandResult, { type: 'not-expected' }>,
): OperationResult {
  const revision = BigInt(result.revision);
  const foundModRevision = BigInt(result.modRevision);
  if (command.type === 'put') return { kind: { $case: 'put', value: { revision, foundModRevision } } };
  return { kind: { $case: 'delete', value: { revision, deleted: 0n, foundModRevision } } };
}

function errorResult(error: unknown): OperationResult {
  if (!(error instanceof KvorumError)) throw error;
  return { kind: { $case: 'error', value: { code: error.code, message: error.message } } };
}

export function toPair(item: KeyValue): Pair {
  return {
    key: item.key,
    value: item.value,
    createRevision: BigInt(item.createRevision),
    modRevision: BigInt(item.modRevision),
    version: BigInt(item.version),
  };
}
