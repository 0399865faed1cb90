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
    key: encodeUtf8(key),
    keyText: key,
    value,
    serializable: false,
    expectedModRevision: undefined,
    deadlineMs: Infinity,
    resolve: () => {},
    reject: () => {},
    signal: undefined,
    onAbort: undefined,
    sent: false,
    lastError: undefined,
    settled: false,
  };
}
