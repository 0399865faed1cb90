import { assert } from '../base/assert.js';
import type { BatchResult, WriteResult } from './batch-response.js';
import type { ConditionalResult, DeleteResult, KeyValue, SetResult } from './results.js';
import { valueToText } from './text.js';

/** What a caller gets of its operation's result, which is of the operation's kind. */
export type Answer<T> = (result: BatchResult) => T;

export function toSetResult(result: BatchResult): SetResult {
  return { revision: writeOf(result).revision };
}

export function toDeleteResult(result: BatchResult): DeleteResult {
  const { revision, deleted } = writeOf(result);
  return { revision, deleted };
}

export function toConditionalResult(result: BatchResult): ConditionalResult {
  const { kind, revision, foundModRevision } = writeOf(result);
  const ownModRevision = kind === 'put' ? revision : 0;
  return {
    succeeded: foundModRevision === undefined,
    revision,
    modRevision: foundModRevision ?? ownModRevision,
  };
}

export function toPair(result: BatchResult): KeyValue | undefined {
  assert(result.kind === 'get', 'a get has the result of a get');
  return result.pair;
}

export function toValue(result: BatchResult): Uint8Array | undefined {
  return toPair(result)?.value;
}

/** @throws KvorumError INVALID_VALUE for a value that is no UTF-8 */
export function toText(result: BatchResult): string | undefined {
  const value = toValue(result);
  return value === undefined ? undefined : valueToText(value);
}

function writeOf(result: BatchResult): WriteResult {
  assert(result.kind === 'put' || result.kind === 'delete', 'a write has the result of a write');
  return result;
}
