import { BatchResponse, type OperationResult } from '../generated/kvorum.js';
import type { BatchResult } from './batch-response.js';
import { toKeyValue, toSafeNumber } from './results.js';
import { decodeResponse } from './unary-calls.js';

/** @throws KvorumError INTERNAL on bytes that are no such message, or with numbers that no member makes */
export function decodeAnyBatchResponse(bytes: Buffer): readonly BatchResult[] {
  return decodeResponse(BatchResponse, bytes).results.map(toBatchResult);
}

function toBatchResult({ kind }: OperationResult): BatchResult {
  switch (kind?.$case) {
    case 'put':
    case 'delete': {
      const { revision, foundModRevision } = kind.value;
      return {
        kind: kind.$case,
        revision: toSafeNumber('revision', revision),
        deleted: kind.$case === 'delete' && kind.value.deleted > 0n,
        foundModRevision:
          foundModRevision === undefined ? undefined : toSafeNumber('foundModRevision', foundModRevision),
      };
    }
    case 'get': {
      const { pair } = kind.value;
      return { kind: 'get', pair: pair && toKeyValue(pair) };
    }
    case 'error':
      return { kind: 'error', ...kind.value };
    case undefined:
      return { kind: 'unknown' };
  }
}
