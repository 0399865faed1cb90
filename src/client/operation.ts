import type { KvorumError } from '../base/errors.js';
import type { OperationResult } from '../generated/kvorum.js';

export type OperationKind = 'put' | 'get' | 'delete';
export type ResultKind = NonNullable<OperationResult['kind']>;

/** One call that waits for its result. */
export interface PendingOperation {
  readonly kind: OperationKind;
  readonly key: Uint8Array;
  /** The key's bytes as Latin-1, to look it up by. */
  readonly keyText: string;
  /** Empty unless it is a put. */
  readonly value: Uint8Array;
  readonly serializable: boolean;
  /** The condition of a write; 0n: there is no such key. */
  readonly expectedModRevision: bigint | undefined;
  /** On the clock of performance.now(). */
  readonly deadlineMs: number;
  readonly resolve: (result: ResultKind) => void;
  readonly reject: (error: KvorumError) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** Part of a request that has no answer yet. */
  sent: boolean;
  /** Why the attempts before did nothing. */
  lastError: KvorumError | undefined;
  settled: boolean;
}

export function sizeBytesOf(operation: PendingOperation): number {
  return operation.key.length + operation.value.length;
}

export function isWrite(operation: PendingOperation): boolean {
  return operation.kind !== 'get';
}
