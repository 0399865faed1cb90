import { assert } from '../base/assert.js';
import type { Completion } from '../base/completion.js';
import { KvorumError } from '../base/errors.js';
import type { Index } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { Raft } from '../raft/raft.js';
import { madeOnce, Waiter } from './deadline.js';
import type { MemberOptions } from './options.js';
import type { CallOptions } from './types.js';

/** Ticks after which an unanswered round is asked for again: its message may be lost. */
const retryTicks = 5;

/**
 * Linearizable reads (thesis section 6.4). All reads of a turn share one round; those that come while a round
 * is on its way wait for the next, for the index of a round is only good for reads that began before it. A round may be
 * asked for again and again; each answer is good, for its reads began before the first time.
 */
export class Reads {
  readonly #raft: Pick<Raft, 'readIndex'>;
  readonly #clock: Clock;
  readonly #options: MemberOptions;
  #gathering: Waiter<void>[] = [];
  #inRound: Waiter<void>[] = [];
  /** Have their index, which is not applied yet; ascending. */
  #awaitingApply: { readonly index: Index; waiters: Waiter<void>[] }[] = [];
  /** Of the newest time that a round was asked for. */
  #context = 0;
  /** Of the first time that the round under way was. */
  #roundContext = 0;
  #roundAgeTicks = 0;
  /** Since a read was served, or none waited. */
  #idleTicks = 0;
  #waitingCount = 0;

  constructor(raft: Pick<Raft, 'readIndex'>, clock: Clock, options: MemberOptions) {
    this.#raft = raft;
    this.#clock = clock;
    this.#options = options;
  }

  /** @throws KvorumError LIMIT_EXCEEDED */
  add(options: CallOptions | undefined, completion: Completion<void>): void {
    if (this.#waitingCount >= this.#options.readsWaitingMax) {
      throw new KvorumError(
        'LIMIT_EXCEEDED',
        `readsWaitingMax: ${this.#options.readsWaitingMax} reads wait already`,
      );
    }
    this.#waitingCount++;
    this.#gathering.push(new Waiter(this.#clock, this.#options.requestTimeoutMs, options, completion));
  }

  get ready(): boolean {
    return this.#gathering.length > 0 && this.#inRound.length === 0;
  }

  submit(): void {
    if (!this.ready) return;
    this.#inRound = this.#gathering;
    this.#gathering = [];
    this.#roundContext = this.#context + 1;
    this.#ask();
  }

  #ask(): void {
    this.#roundAgeTicks = 0;
    this.#context++;
    this.#raft.readIndex(this.#context);
  }

  /** The round was confirmed: its reads are good once `index` is applied. */
  confirmed(context: number, index: Index, appliedIndex: Index): void {
    if (context < this.#roundContext || this.#inRound.length === 0) return;
    const waiters = this.#inRound;
    this.#inRound = [];
    if (index <= appliedIndex) this.#release(waiters);
    else this.#await({ index, waiters });
  }

  /** Whatever index an answer names, those with a lower one do not wait for it. */
  #await(round: { readonly index: Index; readonly waiters: Waiter<void>[] }): void {
    const at = this.#awaitingApply.findIndex(({ index }) => index > round.index);
    if (at < 0) this.#awaitingApply.push(round);
    else this.#awaitingApply.splice(at, 0, round);
  }

  /** For so many ticks reads have waited, and none was served. */
  get idleTicks(): number {
    return this.#idleTicks;
  }

  /** At once, before anything else of the member runs: nobody may wait for what is applied. */
  applied(index: Index): void {
    while (this.#awaitingApply.length > 0 && this.#awaitingApply[0]!.index <= index) {
      this.#release(this.#awaitingApply.shift()!.waiters);
    }
  }

  #release(waiters: readonly Waiter<void>[]): void {
    this.#waitingCount -= waiters.length;
    this.#idleTicks = 0;
    for (const waiter of waiters) waiter.resolve();
  }

  /** Whoever had the round is not there to answer any more, or may never have got it. */
  askAgain(): void {
    if (this.#inRound.length > 0) this.#ask();
  }

  /** Asks again where no answer came; ends the reads whose time is over. */
  tick(appliedIndex: Index): void {
    const first = this.#awaitingApply[0];
    assert(first === undefined || first.index > appliedIndex, 'no read waits for what is applied');
    this.#idleTicks = this.#waitingCount === 0 ? 0 : this.#idleTicks + 1;
    if (this.#inRound.length > 0 && ++this.#roundAgeTicks >= retryTicks) this.#ask();
    const now = this.#clock.monotonicMs();
    const [noLeader, lagging] = [madeOnce(noLeaderError), madeOnce(laggingError)];
    this.#gathering = this.#sweep(this.#gathering, now, noLeader);
    this.#inRound = this.#sweep(this.#inRound, now, noLeader);
    for (const round of this.#awaitingApply) round.waiters = this.#sweep(round.waiters, now, lagging);
    // What an answer names may never be applied here.
    if (this.#awaitingApply.some(({ waiters }) => waiters.length === 0)) {
      this.#awaitingApply = this.#awaitingApply.filter(({ waiters }) => waiters.length > 0);
    }
  }

  #sweep(waiters: Waiter<void>[], now: number, error: () => KvorumError): Waiter<void>[] {
    const left: Waiter<void>[] = [];
    for (const waiter of waiters) {
      waiter.sweep(now, error);
      if (!waiter.settled) left.push(waiter);
    }
    this.#waitingCount -= waiters.length - left.length;
    return left;
  }

  close(reason: KvorumError): void {
    const all = [
      ...this.#gathering,
      ...this.#inRound,
      ...this.#awaitingApply.flatMap((each) => each.waiters),
    ];
    this.#gathering = [];
    this.#inRound = [];
    this.#awaitingApply = [];
    this.#waitingCount = 0;
    for (const waiter of all) waiter.reject(reason);
  }
}

function noLeaderError(): KvorumError {
  return new KvorumError('NO_LEADER', 'no leader was found in time');
}

function laggingError(): KvorumError {
  return new KvorumError('DEADLINE_EXCEEDED', 'this member lags too far behind to answer in time');
}
