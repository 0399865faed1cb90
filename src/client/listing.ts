import { emptyBytes } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import type { RangeRequest } from '../generated/kvorum.js';
import type { Endpoints } from './endpoints.js';
import { range } from './methods.js';
import type { ReadOptions } from './options.js';
import { toKeyValue, type KeyValue } from './results.js';
import { keyAfter, prefixEnd, toBytes } from './text.js';
import { callUnary, type Wait } from './unary-calls.js';

/** Which keys, in byte order. Without any bound: all. `timeoutMs` is the time for each page. */
export interface ListOptions extends ReadOptions {
  /** Keys that begin with this; not together with `start` and `end`. */
  readonly prefix?: string | Uint8Array;
  /** The first key, inclusive. */
  readonly start?: string | Uint8Array;
  /** Exclusive. */
  readonly end?: string | Uint8Array;
  /** The store as it was then; the newest if it is not given. */
  readonly revision?: number;
  readonly keysOnly?: boolean;
  /** Pairs in one answer; the server may end a page earlier. */
  readonly pageSize?: number;
}

/**
 * Walks through a range of keys, page by page, all at the revision of the first page: the result is the store as
 * it was at one moment, however long the walk takes and whatever is written meanwhile.
 *
 * @throws KvorumError REVISION_COMPACTED when the walk takes longer than old revisions are kept
 */
export async function* listPages(
  endpoints: Endpoints,
  options: ListOptions,
  wait: Wait,
): AsyncGenerator<{ readonly revision: number; readonly pairs: readonly KeyValue[] }, void, undefined> {
  let request = firstRequest(options);
  for (;;) {
    const answer = await callUnary(endpoints, range, request, wait);
    const revision = Number(answer.revision);
    yield { revision, pairs: answer.pairs.map(toKeyValue) };
    const last = answer.pairs.at(-1);
    if (!answer.more || last === undefined) return;
    request = { ...request, start: keyAfter(last.key), revision: answer.revision };
  }
}

function firstRequest(options: ListOptions): RangeRequest {
  const { prefix, start, end, revision = 0, pageSize = 0 } = options;
  if (prefix !== undefined && (start !== undefined || end !== undefined)) {
    throw new KvorumError('INVALID_REQUEST', 'prefix cannot stand together with start or end');
  }
  if (!Number.isSafeInteger(revision) || !Number.isInteger(pageSize)) {
    throw new KvorumError('INVALID_REQUEST', 'revision and pageSize must be whole numbers');
  }
  const first = toBytes('INVALID_KEY', 'start', prefix ?? start ?? emptyBytes);
  return {
    start: first,
    end: prefix === undefined ? toBytes('INVALID_KEY', 'end', end ?? emptyBytes) : prefixEnd(first),
    limit: pageSize,
    revision: BigInt(revision),
    keysOnly: options.keysOnly ?? false,
    serializable: options.serializable ?? false,
  };
}
