import { assert } from '../base/assert.js';
import type { MemberId, Message, ProposalOutcome, Term } from './types.js';

/** Runs of one member that may propose to a leader within one term; the oldest is forgotten first. */
export const proposerRunsMax = 16;

/** Of one run. More than it ever has on their way (forwardedMax). */
const rememberedMax = 32;

/** Of all members: what came before its predecessor. One more is as good as lost. */
export const heldMax = 64;
export const heldSizeBytesMax = 16 * 1024 * 1024;

type Proposal = Extract<Message, { readonly type: 'propose' }>;

interface Run {
  readonly outcomes: Map<number, ProposalOutcome>;
  /** Up to here it is not known what was decided. */
  forgottenId: number;
}

/**
 * What a leader has decided in its term on proposals that were sent to it. None must ever be decided twice: appended
 * once and dropped once would tell its client that it was certainly not applied. A copy is told what the first was.
 * Kept after the term as leader ends, for the copies that arrive late.
 */
export class ProposalLedger {
  /** The newest term that this member led since it started; 0 if none. */
  term: Term = 0;
  readonly #remembered: number;
  readonly #senders = new Map<MemberId, Map<number, Run>>();
  #held: Proposal[] = [];

  /** @param remembered outcomes of one run, the newest by their ids */
  constructor(remembered = rememberedMax) {
    assert(remembered >= 1 && remembered <= rememberedMax, `${remembered} proposals are remembered`);
    this.#remembered = remembered;
  }

  begin(term: Term): void {
    this.term = term;
    this.#senders.clear();
    this.#held = [];
  }

  /** Leadership ends: nothing waits for its predecessor any more. */
  end(): void {
    this.#held = [];
  }

  /** It has overtaken the one before it. */
  hold(message: Proposal): void {
    const { from, proposalId } = message;
    // Nobody of an earlier run sends again what those wait for.
    this.#held = this.#held.filter(
      (each) => each.from !== from || runOf(each.proposalId) === runOf(proposalId),
    );
    if (this.#held.some((each) => each.from === from && each.proposalId === proposalId)) return;
    const sizeBytes = this.#held.reduce((sum, { data }) => sum + data.length, 0);
    if (this.#held.length < heldMax && sizeBytes < heldSizeBytesMax) this.#held.push(message);
  }

  /** What waits for this one, which is decided on. */
  takeBehind({ from, proposalId }: Proposal): Proposal | undefined {
    const at = this.#held.findIndex((each) => each.from === from && each.behindId === proposalId);
    return at < 0 ? undefined : this.#held.splice(at, 1)[0];
  }

  /** What was decided; undefined: nothing that is remembered. */
  outcome(from: MemberId, proposalId: number): ProposalOutcome | undefined {
    return this.#known(from, proposalId)?.outcomes.get(proposalId);
  }

  /** Whether it may have been decided, so long ago that nobody knows. */
  isForgotten(from: MemberId, proposalId: number): boolean {
    return proposalId <= (this.#known(from, proposalId)?.forgottenId ?? 0);
  }

  record(from: MemberId, proposalId: number, outcome: ProposalOutcome): void {
    const run = this.#run(from, proposalId);
    assert(!run.outcomes.has(proposalId), `proposal ${proposalId} is decided once`);
    run.outcomes.set(proposalId, outcome);
    // A copy of it may wait for what has been given up.
    if (this.#held.length > 0) {
      this.#held = this.#held.filter((each) => each.from !== from || each.proposalId !== proposalId);
    }
    if (run.outcomes.size <= this.#remembered) return;
    const oldestId = Math.min(...run.outcomes.keys());
    run.outcomes.delete(oldestId);
    run.forgottenId = Math.max(run.forgottenId, oldestId);
  }

  #known(from: MemberId, proposalId: number): Run | undefined {
    return this.#senders.get(from)?.get(runOf(proposalId));
  }

  #run(from: MemberId, proposalId: number): Run {
    let runs = this.#senders.get(from);
    if (runs === undefined) this.#senders.set(from, (runs = new Map<number, Run>()));
    const number = runOf(proposalId);
    let run = runs.get(number);
    if (run === undefined) {
      if (runs.size >= proposerRunsMax) runs.delete(runs.keys().next().value!);
      runs.set(number, (run = { outcomes: new Map(), forgottenId: 0 }));
    }
    return run;
  }
}

function runOf(proposalId: number): number {
  return Math.floor(proposalId / 2 ** 32);
}
