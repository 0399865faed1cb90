import { assert } from '../base/assert.js';
import type { MemberId, Term } from './types.js';

/** Runs of one member that may propose to a leader within one term; the oldest is forgotten first. */
export const proposerRunsMax = 16;

/** What fits into the bits of a run. */
const rememberedMax = 32;

interface Run {
  highest: number;
  /** Bit n: `highest - n` was seen. */
  window: number;
}

/**
 * Which forwarded proposals a leader has already decided on in its term. A proposal must never be decided
 * twice: appended once and dropped once would tell its client that it was certainly not applied.
 * Kept after the term as leader ends, for the copies that arrive late.
 */
export class ProposalLedger {
  /** The newest term that this member led since it started; 0 if none. */
  term: Term = 0;
  readonly #remembered: number;
  readonly #senders = new Map<MemberId, Map<number, Run>>();

  /** @param remembered proposal ids behind the highest of a run */
  constructor(remembered = rememberedMax) {
    assert(remembered >= 1 && remembered <= rememberedMax, `${remembered} proposals are remembered`);
    this.#remembered = remembered;
  }

  begin(term: Term): void {
    this.term = term;
    this.#senders.clear();
  }

  /** @returns false if it was recorded before, or is too old to tell */
  record(from: MemberId, proposalId: number): boolean {
    const run = this.#run(from, Math.floor(proposalId / 2 ** 32));
    const behind = run.highest - proposalId;
    if (behind < 0) {
      run.window = -behind < rememberedMax ? (run.window << -behind) | 1 : 1;
      run.highest = proposalId;
      return true;
    }
    const bit = 1 << behind;
    if (behind >= this.#remembered || (run.window & bit) !== 0) return false;
    run.window |= bit;
    return true;
  }

  #run(from: MemberId, number: number): Run {
    let runs = this.#senders.get(from);
    if (runs === undefined) this.#senders.set(from, (runs = new Map<number, Run>()));
    let run = runs.get(number);
    if (run === undefined) {
      if (runs.size >= proposerRunsMax) runs.delete(runs.keys().next().value!);
      runs.set(number, (run = { highest: 0, window: 0 }));
    }
    return run;
  }
}
