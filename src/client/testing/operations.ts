import { emptyBytes, encodeUtf8 } from '../../base/bytes.js';
import type { OperationKind, PendingOperation } from '../operation.js';

/** An operation that nobody waits for. */
export function operation(
  kind: OperationKind,
  key: string,
  value: Uint8Array = emptyBytes,
): PendingOperation {
  return {
    kind,
    key,
    keyId: key,
    keySizeBytes: encodeUtf8(key).length,
    value,
    valueSizeBytes: value.length,
    serializable: false,
    expectedModRevision: undefined,
    deadlineMs: Infinity,
    answer: (result) => result,
    resolve: () => {},
    reject: () => {},
    signal: undefined,
    onAbort: undefined,
    sent: false,
    lastError: undefined,
    settled: false,
  };
}
