import { assert } from '../base/assert.js';
import { noMember } from '../base/ids.js';
import { encodeConfigChange } from './config-change.js';
import type { RaftInitialState, RaftOptions } from './core.js';
import { Core } from './core.js';
import { leaderConnectionLost, ownVotePersisted, startElection } from './election.js';
import { objectionTo, objectionToSnapshot } from './plausible.js';
import { propose, resendProposals } from './proposals.js';
import { holdsReadLease, leaseLost, readIndex } from './read-index.js';
import { hasReady, takeReady } from './ready.js';
import { entriesRead } from './log-reads.js';
import { advanceCommit, isActive, reportSnapshot, reportUnreachable, snapshotMetaAt } from './replication.js';
import { becomeFollower } from './roles.js';
import { settle } from './settle.js';
import { heardPart } from './sign-of-life.js';
import { step } from './step.js';
import { tick } from './tick.js';
import { transferLeadership } from './transfer.js';
import type {
  ConfigChange,
  Entry,
  Index,
  LogRead,
  MemberId,
  Message,
  ProgressStatus,
  ProposalResult,
  RaftStatus,
  Ready,
  Role,
  SnapshotMeta,
  Term,
  TermAndVote,
} from './types.js';

export type { RaftInitialState, RaftOptions } from './core.js';

/**
 * One member's part in consensus (Ongaro and Ousterhout 2014; Ongaro's thesis), without clock, disk or
 * network: inputs are the methods, outputs come from ready(). See DESIGN.md.
 *
 * The caller's loop: give inputs; while hasReady(), take a Ready; start its write and send its `messages`
 * side by side; when the write is durable, send the messages that waited for it and call persisted(); apply
 * `committed` in order and call applied(). Further Readys may be taken meanwhile; writes keep their order. Only term
 * and vote may overtake what was to be written before them: see hardStatePersisted().
 *
 * Throws InvariantError only for a bug or damaged state; the member must then stop.
 */
export class Raft {
  readonly #core: Core;

  constructor(options: RaftOptions, initial: RaftInitialState) {
    this.#core = new Core(options, initial);
  }

  /** One unit of time has passed; electionTicks and heartbeatTicks count these. */
  tick(): void {
    tick(this.#core);
    settle(this.#core);
  }

  /** A hint: more time has passed than the ticks tell, as when the process was paused. */
  timeLost(): void {
    leaseLost(this.#core);
  }

  /**
   * A message of another member. Stale and odd ones are ignored.
   * @returns what is wrong with one that no member of a cluster like ours sends: it has changed nothing
   */
  step(message: Message): string | undefined {
    const objection = objectionTo(this.#core, message);
    if (objection !== undefined) return objection;
    step(this.#core, message);
    settle(this.#core);
    return undefined;
  }

  /** @returns what is wrong with a snapshot that no member of a cluster like ours offers */
  objectionToSnapshot(meta: SnapshotMeta): string | undefined {
    return objectionToSnapshot(this.#core, meta);
  }

  /**
   * @returns the proposal's id. Its outcome comes in Ready.proposalResults: at once at the leader or when none
   * is known; after the leader's answer otherwise, which is asked for again where it does not come; never if the leader
   * is gone (a later term decides then)
   */
  propose(data: Uint8Array): number {
    const proposalId = propose(this.#core, 'normal', data, 0);
    settle(this.#core);
    return proposalId;
  }

  /** An entry of this member's has been applied: the outcome of its proposal is known, whether the leader told it or not. */
  proposalApplied(proposalId: number): void {
    this.#core.forwarded.applied(proposalId, this.#core.tickCount);
  }

  /**
   * Takes the outcomes that are known so far from the next Ready. What was turned down may have to go before what is
   * proposed next: whoever proposes again should know of it first.
   */
  takeProposalResults(): readonly ProposalResult[] {
    const { outbox } = this.#core;
    const results = outbox.proposalResults;
    if (results.length > 0) outbox.proposalResults = [];
    return results;
  }

  /**
   * @param basedOnConfigIndex index of the committed configuration that the change was checked against; the
   * change is dropped as 'config-conflict' if that is no longer the newest
   */
  proposeConfig(change: ConfigChange, basedOnConfigIndex: Index): number {
    const proposalId = propose(this.#core, 'config', encodeConfigChange(change), basedOnConfigIndex);
    settle(this.#core);
    return proposalId;
  }

  /**
   * Asks for the index at which a read is linearizable; comes in Ready.readStates with `context`. No answer
   * comes when no leader is known or a message is lost: ask again, with the same context or another.
   */
  readIndex(context: number): void {
    readIndex(this.#core, context);
  }

  /** From any member; the leader does it. noMember: to the most caught-up voter. */
  transferLeadership(target: MemberId): void {
    transferLeadership(this.#core, target);
  }

  /** Whether it stands for election at all: one that can write nothing does not, and is no worse a voter. */
  setMayStand(mayStand: boolean): void {
    this.#core.mayStand = mayStand;
  }

  /** Leads no more; the others elect whom they like. */
  stepDown(): void {
    const core = this.#core;
    if (core.role === 'leader') becomeFollower(core, core.term, noMember);
  }

  /** Stands for election now, if it may. */
  campaign(): void {
    startElection(this.#core, false);
  }

  /** A hint: the process of `id` has probably died. */
  leaderConnectionLost(id: MemberId): void {
    leaderConnectionLost(this.#core, id);
  }

  /**
   * A hint: bytes of a long message that `id` sent in `term`, or that was sent to it, have arrived; the message itself may
   * take longer than an election timeout.
   */
  heard(id: MemberId, term: Term): void {
    heardPart(this.#core, id, term);
  }

  /** A hint: messages to `id` are being lost. */
  reportUnreachable(id: MemberId): void {
    reportUnreachable(this.#core, id);
  }

  /** A hint: messages go to `id` again, and those that were under way may have been lost. */
  reportReachable(id: MemberId): void {
    if (id === this.#core.leader) resendProposals(this.#core);
  }

  /** The transfer of a snapshot to `id`, asked for by a `snapshot` message, has ended. */
  reportSnapshot(id: MemberId, ok: boolean): void {
    reportSnapshot(this.#core, id, ok);
  }

  hasReady(): boolean {
    return hasReady(this.#core);
  }

  /** What is to be done since the last call; see the class comment. Never waits for earlier Readys. */
  ready(): Ready {
    return takeReady(this.#core);
  }

  /** The writes up to that of Ready.persistMark `mark` are durable. Marks come in order; some may be left out. */
  persisted(mark: number): void {
    this.#core.persistence.complete(mark);
    this.#finishInstall();
    this.#morePersisted();
  }

  /**
   * Term and vote of a Ready are durable ahead of its mark, and of those before it: `messagesAfterHardState` may leave.
   * The marks follow all the same.
   */
  hardStatePersisted(durable: TermAndVote): void {
    this.#core.persistence.completeHardState(durable);
    this.#morePersisted();
  }

  #morePersisted(): void {
    const core = this.#core;
    if (core.role === 'candidate') ownVotePersisted(core);
    else if (core.role === 'leader') advanceCommit(core);
    settle(core);
  }

  /** The state machine holds everything up to `index` (from `committed` or a snapshot). */
  applied(index: Index): void {
    const core = this.#core;
    assert(index <= core.handedOut, `applied ${index} was not handed out, only ${core.handedOut}`);
    for (let at = core.firstUnappliedIndex; at <= index && core.role === 'leader'; at++) {
      core.unappliedSizeBytes -= core.log.entry(at).data.length;
    }
    core.applied = Math.max(core.applied, index);
    this.#finishInstall();
  }

  #finishInstall(): void {
    const core = this.#core;
    if (core.applied >= core.installing && core.persistence.snapshotIndex >= core.installing) {
      core.installing = 0;
    }
  }

  /** Forgets the entries up to `index`, which must be applied. Followers behind it need a snapshot. */
  compact(index: Index): void {
    const core = this.#core;
    if (index <= core.log.offset) return;
    assert(index <= core.applied, `cannot compact up to ${index}, applied is ${core.applied}`);
    core.log.compact(index);
    core.configs.compact(index);
  }

  /** Lets the entries up to `index` go from memory, which must be applied: they are read from disk when they are needed. */
  release(index: Index): void {
    const { log, applied } = this.#core;
    assert(index <= applied, `cannot let go up to ${index}, applied is ${applied}`);
    if (index > log.offset) log.release(index);
  }

  /**
   * What was read for a LogRead. Other entries than those of this log are ignored.
   * @param entries without a gap, the first is the one that was asked for; undefined: the log on disk no longer holds it
   */
  entriesRead({ for: id, from }: LogRead, entries: readonly Entry[] | undefined): void {
    entriesRead(this.#core, id, from, entries);
  }

  get term(): Term {
    return this.#core.term;
  }

  /** noMember if none is known. */
  get leader(): MemberId {
    return this.#core.leader;
  }

  get role(): Role {
    return this.#core.role;
  }

  /** A snapshot was taken over, and is not yet both installed and noted in the log. */
  get installing(): boolean {
    return this.#core.installing > 0;
  }

  get commit(): Index {
    return this.#core.commit;
  }

  get appliedIndex(): Index {
    return this.#core.applied;
  }

  get firstIndex(): Index {
    return this.#core.log.firstIndex;
  }

  /** Of the entries in memory, with what each costs besides its data. */
  get logMemorySizeBytes(): number {
    return this.#core.log.sizeBytes;
  }

  get lastIndex(): Index {
    return this.#core.log.lastIndex;
  }

  /** Those that stand in the log behind what is applied. */
  *unapplied(): Iterable<Entry> {
    const { log, firstUnappliedIndex } = this.#core;
    for (let index = firstUnappliedIndex; index <= log.lastIndex; index++) yield log.entry(index);
  }

  /** Undefined if the log no longer, or not yet, holds it. */
  entryTerm(index: Index): Term | undefined {
    return this.#core.log.term(index);
  }

  /** What describes the state as of `index`; undefined if the log no longer, or not yet, holds it. */
  snapshotMetaAt(index: Index): SnapshotMeta | undefined {
    return snapshotMetaAt(this.#core, index);
  }

  /** Builds an object: not for the hot path. */
  status(): RaftStatus {
    const core = this.#core;
    const progress = new Map<MemberId, ProgressStatus>();
    if (core.role === 'leader') {
      for (const row of core.tracker.list) {
        const { match, next, state, learner } = row;
        progress.set(row.id, { match, next, state, learner, recentActive: isActive(core, row) });
      }
    }
    return {
      id: core.id,
      role: core.role,
      term: core.term,
      leader: core.leader,
      commit: core.commit,
      applied: core.applied,
      lastIndex: core.log.lastIndex,
      firstIndex: core.log.firstIndex,
      config: core.config.config,
      configIndex: core.config.index,
      progress,
      transferTarget: core.transferTarget,
      readLease: core.role === 'leader' && holdsReadLease(core),
    };
  }
}
