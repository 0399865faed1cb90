import type { Completion } from '../base/completion.js';
import { KvorumError } from '../base/errors.js';
import { Fifo } from '../base/fifo.js';
import { Work } from '../base/work.js';
import type { RangeRead } from '../fsm/keys/range-read.js';
import type { KeyRangeQuery, RangeAnswer } from '../fsm/range.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Clock } from '../ports/clock.js';
import { Waiter } from './deadline.js';
import type { MemberOptions } from './options.js';
import type { ReadOptions } from './types.js';

interface Parts {
  readonly machine: StateMachine;
  readonly clock: Clock;
  readonly options: MemberOptions;
  /** Does what the member has to do in this turn of the event loop, if it has not been done. */
  readonly ownTurnFirst: () => void;
  /** A read has thrown: damage ends the member. */
  readonly failed: (error: unknown) => void;
}

/** A range that somebody waits for. */
export interface RangeCall {
  readonly query: KeyRangeQuery;
  readonly options: ReadOptions | undefined;
  readonly waiter: Waiter<RangeAnswer>;
  read: RangeRead | undefined;
  /** What its caller was told of. */
  gatheredSizeBytes: number;
}

/**
 * Reads of ranges, a slice of bounded work in each turn of the event loop, behind the member's own turn: however long
 * they are, heartbeats, writes and other calls are served in between. They take turns, a slice each; what is left of
 * a slice is for the next one.
 */
export class RangeReads {
  readonly #parts: Parts;
  readonly #calls = new Fifo<RangeCall>();
  /** With those that wait for their index. */
  #count = 0;
  #scheduled = false;
  #ended: KvorumError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Its time begins; enter() begins to read.
   * @throws KvorumError LIMIT_EXCEEDED
   */
  call(
    query: KeyRangeQuery,
    options: ReadOptions | undefined,
    completion: Completion<RangeAnswer>,
  ): RangeCall {
    const { clock } = this.#parts;
    const { rangeReadsMax, requestTimeoutMs } = this.#parts.options;
    if (this.#count >= rangeReadsMax) {
      throw new KvorumError(
        'LIMIT_EXCEEDED',
        `rangeReadsMax: ${rangeReadsMax} reads of ranges are under way already`,
      );
    }
    this.#count++;
    const counted: Completion<RangeAnswer> = {
      resolve: (answer) => {
        this.#count--;
        completion.resolve(answer);
      },
      reject: (error) => {
        this.#count--;
        completion.reject(error);
      },
    };
    const waiter = new Waiter(clock, requestTimeoutMs, options, counted);
    return { query, options, waiter, read: undefined, gatheredSizeBytes: 0 };
  }

  /** The state is new enough. */
  enter(call: RangeCall): void {
    if (this.#ended !== undefined) {
      call.waiter.reject(this.#ended);
      return;
    }
    this.#calls.push(call);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.nextTurn(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const { ownTurnFirst, options } = this.#parts;
    ownTurnFirst();
    const work = new Work(options.readSliceUnits);
    for (let left = this.#calls.length; left > 0 && !work.spent; left--) {
      const call = this.#calls.shift()!;
      if (!this.#goOn(call, work)) this.#calls.push(call);
    }
    if (this.#calls.length > 0) this.#schedule();
  }

  /** @returns whether it has ended */
  #goOn(call: RangeCall, work: Work): boolean {
    const { waiter } = call;
    waiter.sweepNow(this.#parts.clock.monotonicMs(), tooLongError);
    if (waiter.settled) {
      call.read?.close();
      return true;
    }
    try {
      call.read ??= this.#parts.machine.read(call.query);
      const answer = call.read.step(work);
      if (answer !== undefined) waiter.resolve(answer);
      else this.#tellGathered(call, call.read);
      return answer !== undefined;
    } catch (error) {
      this.#parts.failed(error);
      waiter.reject(error);
      return true;
    }
  }

  #tellGathered(call: RangeCall, { gatheredSizeBytes }: RangeRead): void {
    const grown = gatheredSizeBytes - call.gatheredSizeBytes;
    // One that began anew holds less than it did.
    if (grown <= 0) return;
    call.gatheredSizeBytes = gatheredSizeBytes;
    call.options?.gathered?.(grown);
  }

  close(reason: KvorumError): void {
    this.#ended = reason;
    for (let call = this.#calls.shift(); call !== undefined; call = this.#calls.shift()) {
      call.read?.close();
      call.waiter.reject(reason);
    }
  }
}

function tooLongError(): KvorumError {
  return new KvorumError('DEADLINE_EXCEEDED', 'the range is too long to be read in the time allowed');
}
