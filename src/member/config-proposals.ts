import type { Index, Term } from '../base/ids.js';
import type { Raft } from '../raft/raft.js';
import type { ConfigChange, DropReason, ProposalOutcome } from '../raft/types.js';

/** `lost`: certainly not in the log. */
export type ConfigOutcome =
  | { readonly kind: 'applied' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'dropped'; readonly reason: DropReason }
  | { readonly kind: 'unknown' };

type Rafted = Pick<Raft, 'term' | 'appliedIndex' | 'proposeConfig' | 'entryTerm'>;

interface Waiting {
  readonly term: Term;
  at: { readonly term: Term; readonly index: Index } | undefined;
  readonly settle: (outcome: ConfigOutcome) => void;
}

/** Configuration changes on their way, answered when their entry is applied here. */
export class ConfigProposals {
  readonly #raft: Rafted;
  readonly #waiting = new Map<number, Waiting>();

  constructor(raft: Rafted) {
    this.#raft = raft;
  }

  /** @param basedOnIndex the configuration that the caller looked at; any newer one refuses the change */
  propose(change: ConfigChange, basedOnIndex: Index): Promise<ConfigOutcome> {
    return new Promise((resolve) => {
      const term = this.#raft.term;
      const proposalId = this.#raft.proposeConfig(change, basedOnIndex);
      const settle = (outcome: ConfigOutcome): void => {
        this.#waiting.delete(proposalId);
        resolve(outcome);
      };
      this.#waiting.set(proposalId, { term, at: undefined, settle });
    });
  }

  outcome(proposalId: number, outcome: ProposalOutcome): void {
    const waiting = this.#waiting.get(proposalId);
    if (waiting === undefined) return;
    if (outcome.kind === 'dropped') {
      waiting.settle(outcome);
      return;
    }
    if (outcome.index > this.#raft.appliedIndex) {
      waiting.at = outcome;
      return;
    }
    const term = this.#raft.entryTerm(outcome.index);
    if (term === undefined) waiting.settle({ kind: 'unknown' });
    else waiting.settle({ kind: term === outcome.term ? 'applied' : 'lost' });
  }

  /** Told of each entry, in order. */
  applied(index: Index, term: Term): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.at !== undefined && waiting.at.index <= index) {
        const isOurs = waiting.at.index === index && waiting.at.term === term;
        waiting.settle({ kind: isOurs ? 'applied' : 'lost' });
      } else if (waiting.term < term) {
        // Where it is was not told: the answer of the leader that it was sent to may have been lost.
        waiting.settle({ kind: 'unknown' });
      }
    }
  }

  /** A snapshot was installed, or the member ends. */
  abandon(): void {
    for (const waiting of this.#waiting.values()) waiting.settle({ kind: 'unknown' });
  }
}
