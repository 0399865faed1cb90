import type { KvorumError } from '../base/errors.js';
import type { BatchResult } from './batch-response.js';
import type { Callback } from './callbacks.js';

export type OperationKind = 'put' | 'get' | 'delete';

/** One call that waits for its result. There are thousands at a time: it holds what is needed and no copies. */
export interface PendingOperation {
  readonly kind: OperationKind;
  readonly key: string | Uint8Array;
  /** The same for the same key, whether given as text or as bytes. */
  readonly keyId: string;
  /** Of a text: in UTF-8. */
  readonly keySizeBytes: number;
  /** Empty unless it is a put. */
  readonly value: string | Uint8Array;
  readonly valueSizeBytes: number;
  readonly serializable: boolean;
  /** The condition of a write; 0: there is no such key. */
  readonly expectedModRevision: number | undefined;
  /** On the clock of performance.now(); whole, as each number with a fraction would be an object. */
  readonly deadlineMs: number;
  /** What the call resolves with. @throws KvorumError if it has to be rejected instead */
  readonly answer: (result: BatchResult) => unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: Callback<void> | undefined;
  /** Part of a request that has no answer yet. */
  sent: boolean;
  /** Why the attempts before did nothing. */
  lastError: KvorumError | undefined;
  settled: boolean;
}

export function sizeBytesOf(operation: PendingOperation): number {
  return operation.keySizeBytes + operation.valueSizeBytes;
}

export function isWrite(operation: PendingOperation): boolean {
  return operation.kind !== 'get';
}
