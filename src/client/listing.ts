import { compareBytes, emptyBytes, keyAfter } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import type { RangeRequest, RangeResponse } from '../generated/kvorum.js';
import type { Endpoints } from './endpoints.js';
import { range } from './methods.js';
import { checkFlag, checkWholeNumber, type ReadOptions } from './options.js';
import { toKeyValue, toSafeNumber, type KeyValue } from './results.js';
import { prefixEnd, toBytes } from './text.js';
import { callUnary, type Wait } from './unary-calls.js';

/** What the request has room for. */
const pageSizeMax = 2 ** 31 - 1;

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
  /** Pairs in one answer, up to 2^31 - 1; the server may end a page earlier. 0: as many as the server likes. */
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
  const first = firstRequest(options);
  let request = first;
  for (;;) {
    const answer = await callUnary(endpoints, range, request, wait).catch((error: unknown) => {
      throw request === first ? error : brokenOff(error);
    });
    checkPage(request, answer);
    const revision = toSafeNumber('revision', answer.revision);
    yield { revision, pairs: answer.pairs.map(toKeyValue) };
    if (!answer.more) return;
    request = { ...request, start: startOfNext(answer), revision: answer.revision };
  }
}

function brokenOff(error: unknown): unknown {
  if (!(error instanceof KvorumError) || error.code !== 'REVISION_COMPACTED') return error;
  const what =
    'the listing took longer than the past is kept for (-auto-compaction-retention), and is not whole';
  return new KvorumError(error.code, `${error.message}: ${what}`, { cause: error });
}

/** A server that does not name it sends no page without pairs, if there are more. */
function startOfNext({ pairs, next }: RangeResponse): Uint8Array {
  return next.length > 0 ? next : keyAfter(pairs.at(-1)!.key);
}

function firstRequest(options: ListOptions): RangeRequest {
  const { prefix, start, end, revision = 0, pageSize = 0, keysOnly = false, serializable = false } = options;
  if (prefix !== undefined && (start !== undefined || end !== undefined)) {
    throw new KvorumError('INVALID_REQUEST', 'prefix cannot stand together with start or end');
  }
  const { start: from = emptyBytes, end: to = emptyBytes } = options;
  const first =
    prefix === undefined ? toBytes('INVALID_KEY', 'start', from) : toBytes('INVALID_KEY', 'prefix', prefix);
  return {
    start: first,
    // A copy: each page asks for it again, whatever the caller does with its own.
    end: prefix === undefined ? Uint8Array.from(toBytes('INVALID_KEY', 'end', to)) : prefixEnd(first),
    limit: checkWholeNumber('pageSize', pageSize, pageSizeMax),
    revision: BigInt(checkWholeNumber('revision', revision, Number.MAX_SAFE_INTEGER)),
    keysOnly: checkFlag('keysOnly', keysOnly),
    serializable,
  };
}

/**
 * A page goes on in the order of the keys, within the range, at the revision, and not past the size that was asked
 * for: whatever a server says, a walk ends, and nothing is shown twice or left out unnoticed.
 *
 * @throws KvorumError INTERNAL
 */
function checkPage(asked: RangeRequest, { pairs, more, revision, next }: RangeResponse): void {
  if (asked.limit > 0 && pairs.length > asked.limit) {
    throw wrongPage(`${pairs.length} pairs, where at most ${asked.limit} were asked for`);
  }
  if (asked.revision > 0n && revision !== asked.revision) {
    throw wrongPage(`revision ${revision} instead of ${asked.revision}`);
  }
  if (more && pairs.length === 0 && next.length === 0) throw wrongPage('no pairs, and more to come');
  let from = asked.start;
  let inOrder = true;
  for (const [nth, { key }] of pairs.entries()) {
    const order = compareBytes(key, from);
    if (nth === 0 ? order < 0 : order <= 0) inOrder = false;
    from = key;
  }
  const isOutside = (key: Uint8Array): boolean => asked.end.length > 0 && compareBytes(key, asked.end) >= 0;
  if (!inOrder || (pairs.length > 0 && isOutside(from))) {
    throw wrongPage('keys out of order, or outside of the range');
  }
  // Behind the start, too, of a page without pairs: a walk would never end.
  if (more && next.length > 0 && (compareBytes(next, from) <= 0 || isOutside(next))) {
    throw wrongPage('the next page does not follow, or is outside of the range');
  }
}

function wrongPage(what: string): KvorumError {
  return new KvorumError('INTERNAL', `the server's page cannot be right: ${what}`);
}
