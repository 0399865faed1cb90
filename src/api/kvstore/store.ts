import type { Completion } from '../../base/completion.js';
import { compareBytes } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import {
  unary,
  type AnswerMaker,
  type BoundUnaryMethod,
  type Service,
  type UnaryCompletion,
} from '../../base/rpc.js';
import type { KeyValue } from '../../fsm/command.js';
import { RangeRequest } from '../../generated/kvorum.js';
import type { Member, RangeQuery } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import { decodeMessage } from '../message.js';
import { BatchRun } from './batch.js';
import { decodeBatchRequest } from './batch-request.js';
import { encodeBatchResponse } from './batch-response.js';
import { encodeRangeResponse } from './range-response.js';
import { toRevision } from './rules.js';

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
  return {
    kind: 'unary',
    name: 'Range',
    call(bytes, context, completion) {
      const request = decodeMessage(RangeRequest, 'RangeRequest', bytes);
      const page = new PageAnswer(member, limits, request, completion);
      if (request.serializable) page.resolve();
      else member.startReadBarrier(context, page);
      return undefined;
    },
  };
}

/** The smallest key, and as the end of a RangeQuery "to the last key". */
const zeroByte = Uint8Array.of(0);

/** Answers a Range when this member's state is new enough, and the caller takes what he is sent. */
class PageAnswer implements Completion<void>, AnswerMaker {
  readonly #member: Member;
  readonly #limits: ApiLimits;
  readonly #query: RangeQuery;
  readonly #empty: boolean;
  readonly #call: UnaryCompletion;

  /** @throws KvorumError for a request that breaks a rule */
  constructor(member: Member, limits: ApiLimits, request: RangeRequest, call: UnaryCompletion) {
    checkBound('start', request.start, limits);
    checkBound('end', request.end, limits);
    if (request.limit < 0) {
      throw new KvorumError('INVALID_REQUEST', `limit is negative: ${request.limit}`);
    }
    this.#member = member;
    this.#limits = limits;
    this.#call = call;
    const key = request.start.length === 0 ? zeroByte : request.start;
    const end = request.end.length === 0 ? zeroByte : request.end;
    this.#empty = request.end.length > 0 && compareBytes(key, end) >= 0;
    this.#query = {
      key,
      // An empty range still answers with its revision; `end` must not read as "to the last key" then.
      end: this.#empty ? undefined : end,
      revision: toRevision(request.revision),
      limit: Math.min(request.limit === 0 ? limits.rangePairsMax : request.limit, limits.rangePairsMax),
      sizeBytesMax: limits.responseSizeBytesMax,
      keysOnly: request.keysOnly,
      countOnly: this.#empty,
      pageOnly: true,
    };
  }

  resolve(): void {
    this.#call.resolveWith(this);
  }

  reject(error: unknown): void {
    this.#call.reject(error);
  }

  makeAnswer(): Uint8Array {
    const answer = this.#member.rangeLocal(this.#query);
    const pairs = this.#empty ? [] : fitting(answer.items, this.#limits.responseSizeBytesMax);
    return encodeRangeResponse({
      pairs,
      more: !this.#empty && (answer.more || pairs.length < answer.items.length),
      // Of the page's content, so that the next page can name it.
      revision: this.#query.revision === 0 ? answer.revision : this.#query.revision,
    });
  }
}

/** A bound may be one byte longer than a key: the key after the longest key is that key and a zero byte. */
function checkBound(field: string, bound: Uint8Array, limits: ApiLimits): void {
  if (bound.length <= limits.keySizeBytesMax + 1) return;
  throw new KvorumError(
    'INVALID_KEY',
    `${field} is ${bound.length} bytes long, the limit is ${limits.keySizeBytesMax} (keySizeBytesMax)`,
  );
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
