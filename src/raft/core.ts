import { assert } from '../base/assert.js';
import type { RandomSource } from '../base/prng.js';
import { randomInt } from '../base/prng.js';
import { noMember } from '../base/ids.js';
import type { TermRuns } from '../base/term-runs.js';
import type { ConfigAt } from './config-history.js';
import { ConfigHistory } from './config-history.js';
import { applyConfigChange, decodeConfigChange, isVoter } from './config-change.js';
import { ForwardedProposals, forwardedMax } from './forwarded-proposals.js';
import { RaftLog } from './log.js';
import { Outbox } from './outbox.js';
import { Persistence } from './persistence.js';
import { ProposalLedger } from './proposal-ledger.js';
import { ReadQueue } from './read-queue.js';
import { Tracker } from './tracker.js';
import type {
  Entry,
  HardState,
  Index,
  MemberId,
  Message,
  MessageType,
  Role,
  SnapshotMeta,
  Term,
} from './types.js';

export interface RaftOptions {
  readonly id: MemberId;
  /** An election starts after this many to twice as many ticks without a leader. 10 is usual. */
  readonly electionTicks: number;
  /** 1 is usual. Must be less than electionTicks. */
  readonly heartbeatTicks: number;
  /** Ask for votes without raising the term first (thesis section 9.6). */
  readonly preVote: boolean;
  /** A leader that hears no quorum for electionTicks steps down; its followers keep to it until then (6.2). */
  readonly checkQuorum: boolean;
  /**
   * The leader answers reads from its lease, without asking a quorum (thesis section 6.4.1). Needs
   * checkQuorum, the same setting at every member, and clocks whose rates differ by less than
   * leaseMarginTicks - 1 in electionTicks ticks.
   */
  readonly leaseReads: boolean;
  /** Entries in one append, 1 MiB is usual. One entry always fits. */
  readonly messageEntriesSizeBytesMax: number;
  /** Unacknowledged appends per follower, 256 is usual. */
  readonly inflightMessagesMax: number;
  /** Bytes in them, 16 MiB is usual. */
  readonly inflightSizeBytesMax: number;
  /** Reads that wait at one member, as leader and as asker each; one more is not answered. Default: raftReadsMax. */
  readonly raftReadsMax?: number;
  /**
   * Outcomes of proposals that a leader remembers of each run of another member, 1 to 32, at all members alike.
   * Default: 32. With fewer than forwardedMax, so many are on their way.
   */
  readonly proposalsRemembered?: number;
  /** For so long a proposal is sent to the leader again and again until its outcome is known. Default: 70. */
  readonly proposalTicksMax?: number;
  /** Bytes that a leader takes in before the first of them is committed and applied, 64 MiB is usual. */
  readonly uncommittedSizeBytesMax: number;
  /** Committed entries in one Ready. One entry always fits. */
  readonly committedSizeBytesMax: number;
  /** Must differ between runs of the same member: it also tells their proposals and reads apart. */
  readonly random: RandomSource;
}

export interface RaftInitialState {
  readonly hardState: HardState;
  /** The log starts behind it; index 0, term 0 and the first configuration for a new cluster. */
  readonly snapshot: SnapshotMeta;
  /** All that are not applied, at least. */
  readonly entries: readonly Entry[];
  /** Of the whole log, where `entries` are only the newest of it. Raft takes it over. */
  readonly terms?: TermRuns | undefined;
  /** What the state machine already holds: handed out as `committed` is only what follows. */
  readonly applied: Index;
  /**
   * In force as of `applied`, if the state machine keeps it: the entries up to there, kept for followers that
   * lag, then change it no more. Without it, it is worked out from `snapshot` and `entries`.
   */
  readonly appliedConfig?: ConfigAt;
}

/** Where nothing else is said: seven seconds of 100 ms ticks. */
const proposalTicksMax = 70;

export type MessageOf<Type extends MessageType> = Extract<Message, { readonly type: Type }>;

/** The state that the modules of the protocol share. The fields are grouped by who may change them. */
export class Core {
  readonly options: RaftOptions;
  readonly id: MemberId;

  // The log, and where it stands. Changed by append, truncate, restore and commitTo below.
  readonly log: RaftLog;
  readonly configs: ConfigHistory;
  readonly persistence: Persistence;
  commit: Index;
  applied: Index;
  /** Handed out as committed up to here. Invariant: applied <= handedOut <= commit. */
  handedOut: Index;
  /** A restored snapshot that is not yet both durable and applied; nothing behind it is handed out. */
  installing: Index = 0;
  /** Commit moved since the last look at what that brings about. */
  commitMoved = false;

  // Who leads. Changed by roles.ts.
  term: Term;
  vote: MemberId;
  leader: MemberId = noMember;
  role: Role = 'follower';
  readonly votes = new Map<MemberId, boolean>();
  /** Whoever runs this member lets it stand. */
  mayStand = true;

  // Time.
  tickCount = 0;
  /** The term of a while ago, which is renewed now and then: terms may rise by so much from there (plausible.ts). */
  termMark: Term;
  termMarkTick = 0;
  electionElapsed = 0;
  /** When a message of a leader of this member's term came last. */
  leaderTick = -Infinity;
  electionTimeout = 0;
  heartbeatElapsed = 0;
  /** Elections yet to come that need not wait in full: the leader's process is known to be gone. */
  hastyElections = 0;
  /** The leader of this term serves lease reads. */
  leaderServesLease = false;
  /**
   * Until then a leader may answer reads from the lease that this member's last heartbeat response gave it,
   * whatever this member has learned since; a start counts as one, for it forgets. No votes before, not even
   * for itself, unless the leader hands over.
   */
  voteFreeTick: number;

  // Of the leader, and void in other roles.
  readonly tracker: Tracker;
  leaderSinceTick = 0;
  /** The first entry of this leader's term. */
  termStartIndex: Index = 0;
  /** Of entries that are not committed, or committed and not yet applied here. */
  unappliedSizeBytes = 0;
  heartbeatDue = false;
  replicationDue = false;
  transferTarget: MemberId = noMember;
  transferElapsed = 0;
  /** Someone may start an election that overrides the lease. */
  leaseRevoked = false;

  outbox = new Outbox();
  readonly ledger: ProposalLedger;
  readonly forwarded: ForwardedProposals;
  readonly reads: ReadQueue;
  /** Tells this run's proposals and reads from those of earlier runs; a multiple of 2^32. */
  readonly #run: number;
  #ids = 0;

  constructor(options: RaftOptions, initial: RaftInitialState) {
    assert(options.id !== noMember, 'a member id must not be zero');
    assert(options.heartbeatTicks > 0 && options.heartbeatTicks < options.electionTicks, 'ticks');
    assert(!options.leaseReads || options.checkQuorum, 'lease reads need checkQuorum');
    const { snapshot, hardState } = initial;
    this.options = options;
    this.id = options.id;
    assert(
      initial.terms === undefined || initial.appliedConfig !== undefined,
      'entries on disk are not read',
    );
    this.log = new RaftLog(snapshot.index, snapshot.term, initial.entries, initial.terms);
    const { appliedConfig } = initial;
    this.configs = new ConfigHistory(
      appliedConfig ?? { index: snapshot.configIndex, config: snapshot.config },
    );
    for (const entry of initial.entries) {
      if (appliedConfig === undefined || entry.index > initial.applied) this.#takeConfig(entry);
    }
    this.persistence = new Persistence(this.log.lastIndex, hardState);
    this.term = hardState.term;
    this.termMark = this.term;
    this.vote = hardState.vote;
    this.commit = Math.max(hardState.commit, snapshot.index, initial.applied);
    this.applied = Math.max(initial.applied, snapshot.index);
    this.handedOut = this.applied;
    assert(
      this.commit <= this.log.lastIndex,
      `commit ${this.commit} is beyond the log ${this.log.lastIndex}`,
    );
    assert(this.log.holds(this.firstUnappliedIndex), 'what is not applied is in memory');
    assert(this.term >= this.log.lastTerm, `term ${this.term} is behind the log's ${this.log.lastTerm}`);
    this.voteFreeTick = options.leaseReads ? options.electionTicks : 0;
    this.tracker = new Tracker(this.id, options);
    this.ledger = new ProposalLedger(options.proposalsRemembered);
    this.forwarded = new ForwardedProposals(
      options.proposalTicksMax ?? proposalTicksMax,
      Math.min(forwardedMax, options.proposalsRemembered ?? forwardedMax),
    );
    this.reads = new ReadQueue(options.raftReadsMax);
    this.#run = randomInt(options.random, 2 ** 20) * 2 ** 32;
    this.drawElectionTimeout();
  }

  get config(): ConfigAt {
    return this.configs.newest;
  }

  /**
   * May stand for election: a voter whose log is complete on disk. A voter that is no longer one by an entry
   * not known to be committed may be the only one that has this entry, and must still stand; its own vote does
   * not count (thesis section 4.2.2).
   */
  get electable(): boolean {
    const isCounted =
      isVoter(this.config.config, this.id) || isVoter(this.configs.at(this.commit).config, this.id);
    return isCounted && this.mayStand && this.installing <= this.persistence.snapshotIndex;
  }

  /** Of what stands in the log and is not applied: a snapshot on disk that is not applied yet stands for what is before. */
  get firstUnappliedIndex(): Index {
    return Math.max(this.applied + 1, this.log.firstIndex);
  }

  /** The leader's own term has a committed entry: commit is now known to be the cluster's (paper 5.4.2, 8). */
  get committedInTerm(): boolean {
    return this.commit >= this.termStartIndex;
  }

  /** Unique over the runs of this member. */
  nextId(): number {
    return this.#run + ++this.#ids;
  }

  /** Whether `id` came from nextId() of this run. */
  ownsId(id: number): boolean {
    return id > this.#run && id <= this.#run + this.#ids;
  }

  drawElectionTimeout(): void {
    const { electionTicks, random } = this.options;
    this.electionTimeout = electionTicks + randomInt(random, electionTicks);
  }

  /** Proposals are taken again: a target that has not been told yet must not stand with a shorter log. */
  giveUpTransfer(): void {
    this.transferTarget = noMember;
    this.outbox.withdraw('timeout-now');
  }

  /** Of a kind that promises nothing beyond term and vote: leaves at once when these are on disk. */
  send(message: Message): void {
    if (this.term === this.persistence.term && this.vote === this.persistence.vote) {
      this.outbox.messages.push(message);
    } else {
      this.outbox.messagesAfterHardState.push(message);
    }
  }

  /** Of a kind that promises that the log is durable. */
  sendAfterPersist(message: Message): void {
    this.outbox.afterPersist(message);
  }

  append(entry: Entry): void {
    this.log.append(entry);
    this.#takeConfig(entry);
  }

  #takeConfig(entry: Entry): void {
    if (entry.type !== 'config') return;
    const config = applyConfigChange(this.configs.newest.config, decodeConfigChange(entry.data));
    this.configs.push(entry.index, config);
  }

  truncateFrom(index: Index): void {
    assert(
      index > this.commit,
      `entry ${index} is committed (up to ${this.commit}) and must not be replaced`,
    );
    this.log.truncateFrom(index);
    this.persistence.truncatedFrom(index);
    this.configs.truncateFrom(index);
  }

  commitTo(index: Index): void {
    if (index <= this.commit) return;
    assert(index <= this.log.lastIndex, `commit ${index} is beyond the log's end ${this.log.lastIndex}`);
    this.commit = index;
    this.commitMoved = true;
  }

  /** Replaces the whole log by a snapshot of committed state. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.commit, `snapshot ${snapshot.index} is behind commit ${this.commit}`);
    this.log.reset(snapshot.index, snapshot.term);
    this.configs.reset({ index: snapshot.configIndex, config: snapshot.config });
    this.persistence.restored(snapshot);
    this.commit = snapshot.index;
    this.handedOut = snapshot.index;
    this.installing = snapshot.index;
    this.commitMoved = true;
  }
}
