import { compareBytes } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import { unary, type BoundUnaryMethod, type CallContext, type Service } from '../../base/rpc.js';
import type { KeyValue } from '../../fsm/command.js';
import { RangeRequest, RangeResponse, type Pair } from '../../generated/kvorum.js';
import type { Member, RangeQuery } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import { decodeMessage, encodeMessage } from '../message.js';
import { BatchRun } from './batch.js';
import { decodeBatchRequest } from './batch-request.js';
import { encodeBatchResponse } from './batch-response.js';

/** `kvorum.v1.Store`: keys and values as bytes, many in a request. */
export function store(member: Member, limits: ApiLimits): Service {
  return { name: 'kvorum.v1.Store', methods: [batch(member, limits), range(member, limits)] };
}

function batch(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return unary({
    kind: 'unary',
    name: 'Batch',
    decodeRequest: (bytes) => decodeBatchRequest(bytes, limits),
    encodeResponse: encodeBatchResponse,
    handle: (operations, context) => new BatchRun(member, limits, context).run(operations),
  });
}

function range(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return unary<RangeRequest, RangeResponse>({
    kind: 'unary',
    name: 'Range',
    decodeRequest: (bytes) => decodeMessage(RangeRequest, 'RangeRequest', bytes),
    encodeResponse: (response) => encodeMessage(RangeResponse, response),
    handle: (request, context) => readPage(member, limits, request, context),
  });
}

/** The smallest key, and as the end of a RangeQuery "to the last key". */
const zeroByte = Uint8Array.of(0);

async function readPage(
  member: Member,
  limits: ApiLimits,
  request: RangeRequest,
  context: CallContext,
): Promise<RangeResponse> {
  checkBound('start', request.start, limits);
  checkBound('end', request.end, limits);
  if (request.limit < 0) throw new KvorumError('INVALID_REQUEST', `limit is negative: ${request.limit}`);
  const key = request.start.length === 0 ? zeroByte : request.start;
  const end = request.end.length === 0 ? zeroByte : request.end;
  const empty = request.end.length > 0 && compareBytes(key, end) >= 0;
  const query: RangeQuery = {
    key,
    // An empty range still answers with its revision; `end` must not read as "to the last key" then.
    end: empty ? undefined : end,
    revision: toRevision(request.revision),
    limit: Math.min(request.limit === 0 ? limits.rangePairsMax : request.limit, limits.rangePairsMax),
    sizeBytesMax: limits.responseSizeBytesMax,
    keysOnly: request.keysOnly,
    countOnly: empty,
    pageOnly: true,
  };
  const { signal, timeoutMs } = context;
  const answer = await member.range(query, { signal, timeoutMs, serializable: request.serializable });
  const items = empty ? [] : fitting(answer.items, limits.responseSizeBytesMax);
  return {
    pairs: items.map(toPair),
    more: !empty && (answer.more || items.length < answer.items.length),
    // Of the page's content, so that the next page can name it.
    revision: request.revision === 0n ? BigInt(answer.revision) : request.revision,
  };
}

/** A bound may be one byte longer than a key: the key after the longest key is that key and a zero byte. */
function checkBound(field: string, bound: Uint8Array, limits: ApiLimits): void {
  if (bound.length <= limits.keySizeBytesMax + 1) return;
  throw new KvorumError(
    'INVALID_KEY',
    `${field} is ${bound.length} bytes long, the limit is ${limits.keySizeBytesMax} (keySizeBytesMax)`,
  );
}

function toRevision(revision: bigint): number {
  if (revision < 0n) throw new KvorumError('INVALID_REQUEST', `revision is negative: ${revision}`);
  if (revision > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KvorumError('REVISION_IN_FUTURE', `revision ${revision} has not been written yet`);
  }
  return Number(revision);
}

/** The first pairs whose keys and values fit, at least one. */
function fitting(items: readonly KeyValue[], sizeBytesMax: number): readonly KeyValue[] {
  let sizeBytes = 0;
  for (const [count, { key, value }] of items.entries()) {
    sizeBytes += key.length + value.length;
    if (sizeBytes > sizeBytesMax && count > 0) return items.slice(0, count);
  }
  return items;
}

function toPair(item: KeyValue): Pair {
  return {
    key: item.key,
    value: item.value,
    createRevision: BigInt(item.createRevision),
    modRevision: BigInt(item.modRevision),
    version: BigInt(item.version),
  };
}
