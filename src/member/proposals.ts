import { assert } from '../base/assert.js';
import type { Completion } from '../base/completion.js';
import { KvorumError } from '../base/errors.js';
import { firstLevel, requireLevel, type FeatureLevel } from '../base/feature-levels.js';
import type { Term } from '../base/ids.js';
import type { Command, CommandResult } from '../fsm/command.js';
import { commandForm, commandSizeBytes, encodeCommandBatch } from '../fsm/command-codec.js';
import type { Clock } from '../ports/clock.js';
import { forwardedMax } from '../raft/forwarded-proposals.js';
import type { Raft } from '../raft/raft.js';
import type { ProposalOutcome } from '../raft/types.js';
import { madeOnce, Waiter } from './deadline.js';
import type { MemberOptions } from './options.js';
import type { CallOptions } from './types.js';

/** Most calls bring one command and take its result as it is. */
type Call = {
  readonly sizeBytes: number;
  /** In the order in which calls come. */
  readonly place: number;
} & (
  | { readonly kind: 'one'; readonly command: Command; readonly waiter: Waiter<CommandResult> }
  | {
      readonly kind: 'all';
      readonly commands: readonly Command[];
      readonly waiter: Waiter<readonly CommandResult[]>;
    }
);

/** Calls that went into one entry together. */
interface Group {
  readonly sequence: number;
  readonly calls: readonly Call[];
  /** The term it was proposed in: it can stand in the log under this term only. */
  readonly term: Term;
  readonly proposalId: number;
  /** The leader has told where it stands in its log. */
  appended: boolean;
}

/** As many as Raft may have on their way to a leader. */
const abandonedMax = forwardedMax;

/**
 * Writes on their way. What arrives in one turn becomes one entry. A group is answered when its entry is
 * applied here. It is certainly lost, and proposed again, when the leader refused it or when an entry of a
 * later term is applied first: leaders only append proposals of their own term, so nothing of an earlier term
 * can follow. Otherwise its outcome is unknown, and nobody retries it.
 *
 * Calls keep the order in which they came: what is proposed again goes before all that came later, and nothing is
 * proposed while the fate of what came before it is open.
 */
export class Proposals {
  readonly #raft: Raft;
  readonly #clock: Clock;
  readonly #options: MemberOptions;
  readonly #proposer: bigint;
  readonly #featureLevel: () => FeatureLevel;
  #queue: Call[] = [];
  /** In the order of their sequences, at most entriesInFlightMax: no map, whose old tables would keep the calls alive. */
  #groups: Group[] = [];
  /** Those whose callers were told that the outcome is unknown; the newest. Raft may be told that they stand in the log. */
  readonly #abandoned: Pick<Group, 'sequence' | 'proposalId'>[] = [];
  #sequence = 0;
  #places = 0;
  #waitingCount = 0;
  /** Since a write was answered, or none waited. */
  #idleTicks = 0;
  /**
   * Something was turned down, and what was proposed behind it may be too. What is proposed again goes before that, and
   * what is new behind nothing of it.
   */
  #regathering = false;
  /** No leader took the last attempt: wait for a tick or a change of leader. */
  #stalled = false;

  /**
   * @param proposer random, of this life of the member alone
   * @param featureLevel of the cluster, as of what is applied here
   */
  constructor(
    raft: Raft,
    clock: Clock,
    options: MemberOptions,
    proposer: bigint,
    featureLevel: () => FeatureLevel,
  ) {
    this.#raft = raft;
    this.#clock = clock;
    this.#options = options;
    this.#proposer = proposer;
    this.#featureLevel = featureLevel;
  }

  /** For so many ticks writes have waited, and none was answered. */
  get idleTicks(): number {
    return this.#idleTicks;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** @throws KvorumError LIMIT_EXCEEDED, FEATURE_NOT_ENABLED */
  addOne(command: Command, options: CallOptions | undefined, completion: Completion<CommandResult>): void {
    const sizeBytes = this.#admit(command);
    const waiter = this.#takePlace(options, completion);
    this.#queue.push({ kind: 'one', command, sizeBytes, place: ++this.#places, waiter });
  }

  /** @throws KvorumError LIMIT_EXCEEDED, FEATURE_NOT_ENABLED */
  addAll(
    commands: readonly Command[],
    options: CallOptions | undefined,
    completion: Completion<readonly CommandResult[]>,
  ): void {
    const { entryCommandsMax } = this.#options;
    if (commands.length > entryCommandsMax) {
      throw new KvorumError(
        'LIMIT_EXCEEDED',
        `entryCommandsMax: ${commands.length} commands, the limit is ${entryCommandsMax}`,
      );
    }
    let sizeBytes = 0;
    for (const command of commands) sizeBytes += this.#admit(command);
    const waiter = this.#takePlace(options, completion);
    this.#queue.push({ kind: 'all', commands, sizeBytes, place: ++this.#places, waiter });
  }

  /**
   * What was admitted stays so while it waits and is proposed again: the level never falls.
   * @returns its size
   */
  #admit(command: Command): number {
    const { level, name } = commandForm(command);
    if (level > firstLevel) requireLevel(this.#featureLevel(), level, `the command ${name}`);
    return commandSizeBytes(command);
  }

  #takePlace<T>(options: CallOptions | undefined, completion: Completion<T>): Waiter<T> {
    if (this.#waitingCount >= this.#options.proposalsWaitingMax) {
      throw new KvorumError(
        'LIMIT_EXCEEDED',
        `proposalsWaitingMax: ${this.#options.proposalsWaitingMax} writes wait already`,
      );
    }
    this.#waitingCount++;
    return new Waiter(this.#clock, this.#options.requestTimeoutMs, options, completion);
  }

  /** Whether submit() would propose something now. */
  get ready(): boolean {
    if (this.#stalled || this.#queue.length === 0) return false;
    return this.#groups.length < this.#options.entriesInFlightMax && !this.#mustWait();
  }

  /** Whether a group that is on its way may be proposed again, and would then go first. */
  #mustWait(): boolean {
    const [oldest] = this.#groups;
    if (oldest === undefined) {
      this.#regathering = false;
      return false;
    }
    if (oldest.term < this.#raft.term) return true;
    if (this.#regathering) this.#regathering = this.#groups.some((group) => !group.appended);
    return this.#regathering;
  }

  /** Turns what has gathered into entries. */
  submit(): void {
    while (this.ready) {
      const calls = this.#takeCalls();
      if (calls.length === 0) return;
      const sequence = ++this.#sequence;
      const data = encodeCommandBatch({ proposer: this.#proposer, sequence, commands: commandsOf(calls) });
      const term = this.#raft.term;
      const proposalId = this.#raft.propose(data);
      this.#groups.push({ sequence, calls, term, proposalId, appended: false });
    }
  }

  #takeCalls(): Call[] {
    const calls: Call[] = [];
    let sizeBytes = 0;
    let commands = 0;
    let taken = 0;
    for (const call of this.#queue) {
      if (call.waiter.settled) {
        taken++;
        this.#waitingCount--;
        continue;
      }
      const { entrySizeBytesMax, entryCommandsMax } = this.#options;
      const full =
        sizeBytes + call.sizeBytes > entrySizeBytesMax || commands + commandsIn(call) > entryCommandsMax;
      if (calls.length > 0 && full) break;
      taken++;
      sizeBytes += call.sizeBytes;
      commands += commandsIn(call);
      calls.push(call);
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return calls;
  }

  /** What the leader (here or elsewhere) said to a proposal. */
  outcome(proposalId: number, outcome: ProposalOutcome): void {
    const group = this.#groups.find((each) => each.proposalId === proposalId);
    if (group === undefined) return;
    if (outcome.kind === 'appended') {
      group.appended = true;
      return;
    }
    this.#remove(group);
    if (outcome.reason === 'overloaded') {
      const error = new KvorumError(
        'LIMIT_EXCEEDED',
        `uncommittedSizeBytesMax: ${this.#options.uncommittedSizeBytesMax} bytes wait for the majority, or for the leader's disk`,
      );
      this.#waitingCount -= group.calls.length;
      for (const call of group.calls) call.waiter.reject(error);
      // What is on its way behind it is turned down with it: nothing goes behind that.
      this.#regathering = true;
      return;
    }
    this.#putBack(group);
    this.#stalled = true;
  }

  /** An entry of ours was applied. */
  applied(sequence: number, results: readonly CommandResult[]): void {
    const isIt = (each: Pick<Group, 'sequence'>): boolean => each.sequence === sequence;
    const group = this.#groups.find(isIt);
    const proposalId = (group ?? this.#abandoned.find(isIt))?.proposalId;
    if (proposalId !== undefined) this.#raft.proposalApplied(proposalId);
    if (group === undefined) return;
    this.#remove(group);
    this.#idleTicks = 0;
    let at = 0;
    for (const call of group.calls) {
      this.#waitingCount--;
      const from = at;
      at += commandsIn(call);
      if (call.kind === 'one') call.waiter.resolve(results[from]!);
      else call.waiter.resolve(results.slice(from, at));
    }
    assert(at === results.length, 'an entry has as many results as commands');
  }

  /** An entry of `term` was applied: what was proposed in an earlier term and is not in yet never will be. */
  termApplied(term: Term): void {
    for (const group of [...this.#groups]) {
      if (group.term >= term) continue;
      this.#remove(group);
      this.#putBack(group);
    }
  }

  /** The state jumped: entries of ours may be in it without having been seen. */
  snapshotInstalled(): void {
    for (const group of [...this.#groups]) {
      this.#remove(group);
      this.#waitingCount -= group.calls.length;
      rejectUnknown(group, 'this member received a snapshot while the write was on its way');
    }
  }

  /** A leader may be there now. */
  unstall(): void {
    this.#stalled = false;
  }

  /** Once a tick: ends the calls whose time is over. */
  sweep(): void {
    this.#idleTicks = this.#waitingCount === 0 ? 0 : this.#idleTicks + 1;
    const now = this.#clock.monotonicMs();
    const [noLeader, unconfirmed] = [madeOnce(noLeaderForWriteError), madeOnce(unconfirmedError)];
    for (const call of this.#queue) call.waiter.sweep(now, noLeader);
    if (this.#queue.some((call) => call.waiter.settled)) {
      const left = this.#queue.filter((call) => !call.waiter.settled);
      this.#waitingCount -= this.#queue.length - left.length;
      this.#queue = left;
    }
    for (const group of [...this.#groups]) {
      for (const call of group.calls) call.waiter.sweep(now, unconfirmed);
      // A group without an answer must not hold its place for ever: its entry may never come.
      if (group.calls.every((call) => call.waiter.settled)) {
        this.#remove(group);
        this.#abandoned.push({ sequence: group.sequence, proposalId: group.proposalId });
        if (this.#abandoned.length > abandonedMax) this.#abandoned.shift();
        this.#waitingCount -= group.calls.length;
      }
    }
  }

  /** The member ends. */
  close(reason: KvorumError): void {
    for (const call of this.#queue) call.waiter.reject(reason);
    for (const group of this.#groups) {
      rejectUnknown(group, reason.message);
    }
    this.#queue = [];
    this.#groups = [];
    this.#waitingCount = 0;
  }

  #remove(group: Group): void {
    this.#groups.splice(this.#groups.indexOf(group), 1);
  }

  /** Behind what came before it, and was put back too. */
  #putBack({ calls }: Group): void {
    const { place } = calls[0]!;
    const at = this.#queue.findIndex((call) => call.place > place);
    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, ...calls);
    this.#regathering = true;
  }
}

function unconfirmedError(): KvorumError {
  return new KvorumError(
    'OUTCOME_UNKNOWN',
    'no majority confirmed the write in time; it may still take effect',
  );
}

function rejectUnknown(group: Group, reason: string): void {
  const error = new KvorumError('OUTCOME_UNKNOWN', `${reason}; the write may have taken effect`);
  for (const call of group.calls) call.waiter.reject(error);
}

/** @param error of the read that a change begins with, which knows nothing of the change */
export function beforeWrite(error: unknown): unknown {
  return error instanceof KvorumError && error.code === 'NO_LEADER' ? noLeaderForWriteError() : error;
}

export function noLeaderForWriteError(): KvorumError {
  return new KvorumError('NO_LEADER', 'no leader was found in time; nothing was changed');
}

function commandsIn(call: Call): number {
  return call.kind === 'one' ? 1 : call.commands.length;
}

function commandsOf(calls: readonly Call[]): readonly Command[] {
  const commands: Command[] = [];
  for (const call of calls) {
    if (call.kind === 'one') commands.push(call.command);
    else for (const command of call.commands) commands.push(command);
  }
  return commands;
}
