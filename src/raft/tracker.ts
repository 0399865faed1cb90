import type { ClusterConfig, Index, MemberId } from './types.js';
import { memberIds } from './config-change.js';
import { Progress } from './progress.js';
import type { VoteResult } from './quorum.js';
import { jointValue, jointVote, majorityVote } from './quorum.js';

/** Evaluates `ofMember` over both halves of the voters: undefined is "not known". */
export function configVote(
  config: ClusterConfig,
  ofMember: (id: MemberId) => boolean | undefined,
): VoteResult {
  return jointVote(halfVote(config.voters, ofMember), halfVote(config.votersOutgoing, ofMember));
}

function halfVote(voters: readonly MemberId[], ofMember: (id: MemberId) => boolean | undefined): VoteResult {
  let granted = 0;
  let rejected = 0;
  for (const id of voters) {
    const vote = ofMember(id);
    if (vote === true) granted++;
    else if (vote === false) rejected++;
  }
  return majorityVote(granted, rejected, voters.length);
}

/** The leader's table of everyone in the configuration, itself included, laid out for the hot path. */
export class Tracker {
  /** The others, by id and as a list. */
  readonly others = new Map<MemberId, Progress>();
  list: readonly Progress[] = [];
  /** This member's own row; `match` follows its disk, not its memory. */
  readonly self: Progress;
  /** The quorum is this member alone. */
  soleVoter = false;
  readonly #limits: { readonly inflightMessagesMax: number; readonly inflightSizeBytesMax: number };
  #incoming: Progress[] = [];
  #outgoing: Progress[] = [];
  readonly #scratchIncoming: number[] = [];
  readonly #scratchOutgoing: number[] = [];

  constructor(self: MemberId, limits: { inflightMessagesMax: number; inflightSizeBytesMax: number }) {
    this.#limits = limits;
    this.self = new Progress(self, 1, 1, 1);
    this.self.activeTick = Infinity;
    this.self.readRound = Infinity;
  }

  /** A new term as leader: nothing is known of anyone. */
  reset(config: ClusterConfig, next: Index): void {
    this.others.clear();
    this.setConfig(config, next);
  }

  /** Keeps the rows of members that stay. `next` is the first guess for new ones. */
  setConfig(config: ClusterConfig, next: Index): void {
    const wanted = new Set(memberIds(config));
    for (const id of this.others.keys()) if (!wanted.has(id)) this.others.delete(id);
    for (const id of wanted) {
      if (id === this.self.id) continue;
      let row = this.others.get(id);
      if (row === undefined) {
        row = new Progress(id, next, this.#limits.inflightMessagesMax, this.#limits.inflightSizeBytesMax);
        this.others.set(id, row);
      }
      row.learner = config.learners.includes(id);
    }
    this.list = [...this.others.values()];
    this.#incoming = this.#rows(config.voters);
    this.#outgoing = this.#rows(config.votersOutgoing);
    this.soleVoter =
      config.voters.length === 1 && config.voters[0] === this.self.id && config.votersOutgoing.length === 0;
  }

  #rows(ids: readonly MemberId[]): Progress[] {
    return ids.map((id) => (id === this.self.id ? this.self : this.others.get(id)!));
  }

  /** The largest index that a quorum holds on disk. */
  quorumMatch(): Index {
    const incoming = this.#scratchIncoming;
    const outgoing = this.#scratchOutgoing;
    incoming.length = 0;
    outgoing.length = 0;
    for (const row of this.#incoming) incoming.push(row.match);
    for (const row of this.#outgoing) outgoing.push(row.match);
    return jointValue(incoming, outgoing);
  }

  /** The newest read round that a quorum confirmed. */
  quorumReadRound(): number {
    const incoming = this.#incoming.map((row) => row.readRound);
    return jointValue(
      incoming,
      this.#outgoing.map((row) => row.readRound),
    );
  }

  /** The latest tick by which a quorum was heard. */
  quorumActiveTick(): number {
    return jointValue(
      this.#incoming.map((row) => row.activeTick),
      this.#outgoing.map((row) => row.activeTick),
    );
  }
}
