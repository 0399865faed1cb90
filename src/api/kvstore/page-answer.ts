import { compareBytes, emptyBytes, zeroByte } from '../../base/bytes.js';
import type { Completion } from '../../base/completion.js';
import { KvorumError } from '../../base/errors.js';
import type { AnswerMaker, CallContext, UnaryCompletion } from '../../base/rpc.js';
import type { RangeRequest } from '../../generated/kvorum.js';
import type { KeyRangeQuery, Member, RangeAnswer, ReadOptions } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import type { PageTurns, WaitingPage } from './page-turns.js';
import { encodeRangeResponse } from './range-response.js';
import { toRevision } from './rules.js';

/** What pages of Range are made with. */
export interface PageServices {
  readonly member: Member;
  readonly limits: ApiLimits;
  readonly turns: PageTurns;
}

/**
 * Answers a Range: when this member's state is new enough, the caller takes what he is sent, and it is the page's turn.
 * Then it is read in slices, as the state is by then.
 */
export class PageAnswer implements Completion<void>, AnswerMaker, WaitingPage {
  readonly #services: PageServices;
  readonly #query: KeyRangeQuery;
  readonly #empty: boolean;
  readonly #context: CallContext;
  readonly #call: UnaryCompletion;

  /** @throws KvorumError for a request that breaks a rule */
  constructor(services: PageServices, request: RangeRequest, context: CallContext, call: UnaryCompletion) {
    const { limits } = services;
    checkBound('start', request.start, limits);
    checkBound('end', request.end, limits);
    if (request.limit < 0) {
      throw new KvorumError('INVALID_REQUEST', `limit is negative: ${request.limit}`);
    }
    this.#services = services;
    this.#context = context;
    this.#call = call;
    const key = request.start.length === 0 ? zeroByte : request.start;
    const end = request.end.length === 0 ? zeroByte : request.end;
    // `end` must not read as "to the last key" then.
    this.#empty = request.end.length > 0 && compareBytes(key, end) >= 0;
    this.#query = {
      key,
      end,
      revision: toRevision(request.revision),
      limit: Math.min(request.limit === 0 ? limits.rangePairsMax : request.limit, limits.rangePairsMax),
      sizeBytesMax: limits.responseSizeBytesMax,
      unitsMax: limits.rangeUnitsMax,
      keysOnly: request.keysOnly,
      pageOnly: true,
    };
  }

  resolve(): void {
    this.#call.resolveWith(this);
  }

  reject(error: unknown): void {
    this.#call.reject(error);
  }

  /** There may be no room for it by now. */
  turnIsFree(): void {
    this.#call.resolveWith(this);
  }

  makeAnswer(): Uint8Array | undefined {
    const { member, turns } = this.#services;
    if (this.#empty) return this.#emptyPage();
    if (!turns.enter(this.#context.connection, this)) return undefined;
    member.startRange(this.#query, new PageOptions(this.#context), {
      resolve: (answer) => this.#grown(answer),
      reject: (error) => {
        this.#call.reject(error);
        turns.leave();
      },
    });
    return undefined;
  }

  /** It still has its revision. */
  #emptyPage(): Uint8Array {
    const { key, revision } = this.#query;
    const answer = this.#services.member.rangeLocal({ key, revision, limit: 0, countOnly: true });
    return this.#encode({ ...answer, more: false });
  }

  #grown(answer: RangeAnswer): void {
    try {
      this.#call.resolve(this.#encode(answer));
    } catch (error) {
      this.#call.reject(error);
    }
    this.#services.turns.leave();
  }

  #encode({ items, more, revision, next }: RangeAnswer): Uint8Array {
    return encodeRangeResponse({
      pairs: items,
      more,
      // Of the page's content, so that the next page can name it.
      revision: this.#query.revision === 0 ? revision : this.#query.revision,
      next: next ?? emptyBytes,
    });
  }
}

/** A page is read as the state is here: it is new enough. What the page holds is counted as it grows. */
class PageOptions implements ReadOptions {
  readonly #context: CallContext;
  readonly serializable = true;
  readonly timeoutMs: number | undefined;

  constructor(context: CallContext) {
    this.#context = context;
    this.timeoutMs = context.timeoutMs;
  }

  get cutShort(): Error | undefined {
    return this.#context.cutShort;
  }

  readonly gathered = (sizeBytes: number): void => this.#context.gathered(sizeBytes);
}

/** A bound may be one byte longer than a key: the key after the longest key is that key and a zero byte. */
function checkBound(field: string, bound: Uint8Array, limits: ApiLimits): void {
  if (bound.length <= limits.keySizeBytesMax + 1) return;
  throw new KvorumError(
    'INVALID_KEY',
    `${field} is ${bound.length} bytes long, the limit is ${limits.keySizeBytesMax + 1} (keySizeBytesMax and a byte)`,
  );
}
