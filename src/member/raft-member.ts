import { assert } from '../base/assert.js';
import { requireLevel, type FeatureLevel } from '../base/feature-levels.js';
import { promised, type Completion } from '../base/completion.js';
import { isDamage, KvorumError } from '../base/errors.js';
import { formatId, noMember, type MemberId } from '../base/ids.js';
import { randomId } from '../base/prng.js';
import type { Command, CommandResult } from '../fsm/command.js';
import { isKeyRange } from '../fsm/range.js';
import type { AppliedEntry } from '../fsm/state-machine.js';
import { DiskError } from '../ports/disk.js';
import type { PeersHandler, RefusalCode } from '../ports/peers.js';
import { isLearner, isVoter } from '../raft/config-change.js';
import type { ClusterConfig } from '../raft/types.js';
import { isUnsuitable, stoppingFor, storageMessage } from './endings.js';
import { ConfigProposals } from './config-proposals.js';
import { Duties } from './duties.js';
import { Loop } from './loop.js';
import { MembershipChanges } from './membership-changes.js';
import { memberStatus, peerStatuses } from './member-status.js';
import type { MemberParts, StopReason } from './parts.js';
import { overrideAddresses } from './peer-overrides.js';
import { Proposals } from './proposals.js';
import { RangeReads } from './range-reads.js';
import { Reads } from './reads.js';
import { Refusals } from './refusals.js';
import { transferLeadership } from './leadership.js';
import type {
  CallOptions,
  KeyRangeQuery,
  ReadOptions,
  JoinAnswer,
  JoinRequest,
  Member,
  MemberStatus,
  MemberView,
  PeerStatus,
  RangeAnswer,
  RangeQuery,
} from './types.js';
import { Watches } from './watches.js';

/** One running member of a cluster. */
export class RaftMember implements Member {
  readonly #parts: MemberParts;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #ranges: RangeReads;
  readonly #configs: ConfigProposals;
  readonly #loop: Loop;
  readonly #changes: MembershipChanges;
  readonly #duties: Duties;
  readonly #watches: Watches;
  readonly #proposer: bigint;
  readonly #changeListeners = new Set<() => void>();
  readonly #refusals: Refusals;
  #ended: KvorumError | undefined;
  #ending: Promise<void> | undefined;
  #leading = false;
  #resolveStopped!: (reason: StopReason) => void;
  /** How the member ended. */
  readonly stopped: Promise<StopReason>;

  constructor(parts: MemberParts) {
    this.#parts = parts;
    const { raft, clock, options, random, machine } = parts;
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.#proposer = randomId(random);
    this.#refusals = new Refusals(clock);
    this.#proposals = new Proposals(raft, clock, options, this.#proposer, () => machine.featureLevel);
    this.#reads = new Reads(raft, clock, options);
    this.#configs = new ConfigProposals(raft);
    this.#loop = new Loop(
      parts,
      { proposals: this.#proposals, reads: this.#reads, configs: this.#configs },
      {
        entryApplied: (applied) => this.#entryApplied(applied),
        snapshotInstalled: () => this.#membersChanged(),
        statusChanged: () => this.#statusChanged(),
        ticked: () => this.#ticked(),
        failed: (error) => this.#failed(error),
      },
    );
    this.#ranges = new RangeReads({
      ...{ machine, clock, options },
      ownTurnFirst: () => this.#loop.turnFirst(),
      failed: (error) => this.#readFailed(error),
    });
    this.#changes = new MembershipChanges({
      secret: parts.secret,
      raft,
      machine,
      clock,
      random,
      options,
      proposals: this.#configs,
      readBarrier: (call) => this.readBarrier(call),
      write: (command, call) => this.write(command, call),
      schedule: () => this.#loop.schedule(),
    });
    this.#duties = new Duties(
      parts,
      this.#changes,
      (command) => this.write(command),
      (commands) => this.writeAll(commands),
      (error) => this.#loop.fail(error),
    );
    this.#watches = new Watches(parts, {
      ...{ loop: this.#loop, proposals: this.#proposals, reads: this.#reads },
      nameOf: (each) => this.#nameOf(each),
      describe: (each) => this.#describe(each),
      changed: () => this.#tellChange(),
    });
  }

  /** Begins to take part. Rejects when the Raft port cannot be used. */
  async start(): Promise<void> {
    this.#membersChanged();
    await this.#parts.peers.start(this.#peersHandler());
    this.#loop.start();
  }

  /** Clients are served: their address is made known from now on, and a learner may be promoted. */
  announce(): void {
    this.#duties.announce();
  }

  #peersHandler(): PeersHandler {
    const { raft } = this.#parts;
    return {
      message: (message) => this.#loop.receive(message),
      heard: (id, term) => this.#loop.heard(id, term),
      connectionLost: (id) => {
        raft.leaderConnectionLost(id);
        this.#loop.schedule();
      },
      reachable: (id, address) => {
        this.#refusals.welcomed(id);
        this.#watches.reachability.reached(id, address);
        this.#loop.reachable(id);
      },
      unreachable: (id, address, reason) => {
        this.#watches.reachability.lost(id, address, reason);
        raft.reportUnreachable(id);
        this.#loop.schedule();
      },
      removedFromCluster: (by) => this.#removed(`member ${formatId(by)} says so`),
      refused: (id, code, reason) => this.#refused(id, code, reason),
      incomingSnapshot: (from, offer) => this.#loop.incoming.receive(from, offer),
    };
  }

  /**
   * One member that sends this one away may be behind the others. A majority that has heard a later start of this
   * id, or knows it at another address, means a second process with this member's identity: this one ends.
   */
  #refused(by: MemberId, code: RefusalCode, reason: string): void {
    const { log, machine, id } = this.#parts;
    if (this.#refusals.refused(by, code)) log.error({ peer: formatId(by), reason }, 'sent away by a member');
    if (this.#ended !== undefined) return;
    const { voters } = machine.config;
    const isSuperseded = this.#refusals.isSuperseded(voters.filter((each) => each !== id));
    if (!isSuperseded && !this.#refusals.isKnownElsewhere(voters)) return;
    this.#ended = stoppingFor(reason);
    const error = new KvorumError(isSuperseded ? 'MEMBER_SUPERSEDED' : 'MEMBER_ADDRESS_TAKEN', reason);
    void this.#end({ kind: 'failed', error });
  }

  #entryApplied(applied: AppliedEntry): void {
    if (applied.batch?.proposer === this.#proposer) {
      this.#proposals.applied(applied.batch.sequence, applied.batch.results);
    }
    if (applied.membershipChanged) this.#membersChanged();
  }

  /** The member table moved: the transport follows, and a member that is no longer in it ends. */
  #membersChanged(): void {
    const { machine, peers, id, log } = this.#parts;
    const members = machine.members();
    const others = members.filter((each) => each.id !== id);
    const removed = machine.removedMembers();
    if (members.length > 0) {
      peers.setMembers(new Map(members.map((each) => [each.id, each.peerAddress])));
      overrideAddresses(this.#parts, others);
    }
    peers.setRemoved(removed);
    if (others.length > 0) this.#watches.reachability.keep(new Set(others.map((each) => each.id)));
    const { voters, learners } = machine.config;
    const names = (ids: readonly MemberId[]): string[] => ids.map((each) => this.#nameOf(each));
    log.info(
      { voters: names(voters), learners: names(learners), index: machine.applied.index },
      'members are',
    );
    this.#tellChange();
    if (removed.has(id)) this.#removed('its removal was applied');
  }

  #removed(how: string): void {
    const { log, name, clock, options } = this.#parts;
    if (this.#ended !== undefined) return;
    const message = `member ${name} was removed from the cluster (${how}); its data folder is of no more use: to join anew, start with an empty -data-dir and -join`;
    log.warn({}, message);
    this.#ended = stoppingFor(message);
    // The last messages of a leader that removed itself hand over to the others.
    clock.setTimer(options.heartbeatIntervalMs, () => void this.#end({ kind: 'removed', message }));
  }

  #statusChanged(): void {
    const { raft, log } = this.#parts;
    const leader = raft.leader === noMember ? 'none' : this.#nameOf(raft.leader);
    log.info({ role: this.#role(), term: raft.term, leader }, 'role and term');
    this.#leading = raft.role === 'leader';
    this.#watches.look();
    this.#tellChange();
  }

  #nameOf(id: MemberId): string {
    const record = this.#parts.machine.members().find((each) => each.id === id);
    return record?.name ?? formatId(id);
  }

  #describe(id: MemberId): string {
    const address = this.#parts.machine.members().find((each) => each.id === id)?.peerAddress;
    return address === undefined ? this.#nameOf(id) : `${this.#nameOf(id)} at ${address}`;
  }

  #role(): string {
    const { raft, machine, id } = this.#parts;
    return isLearner(machine.config, id) ? 'learner' : raft.role;
  }

  #ticked(): void {
    this.#duties.tick(this.#leading);
    this.#watches.tick();
  }

  #failed(error: Error): void {
    const isDisk = error instanceof DiskError;
    const message = isDisk ? storageMessage(error) : error.message;
    this.#parts.log.error({ error: error.stack ?? error.message }, `member stops: ${message}`);
    if (isUnsuitable(error)) this.#ended = stoppingFor(message);
    else if (isDamage(error)) this.#ended = error;
    else this.#ended = new KvorumError('STORAGE_FAILED', message, { cause: error });
    void this.#end({ kind: 'failed', error: isDisk ? this.#ended : error });
  }

  /** Leaves the others a leader before this one stops; nothing to do where it does not lead. */
  async handOver(): Promise<void> {
    const { raft, machine, log, options, id } = this.#parts;
    const others = machine.config.voters.filter((each) => each !== id);
    if (this.#ended !== undefined || raft.role !== 'leader' || others.length === 0) return;
    try {
      await this.transferLeadership(noMember, { timeoutMs: options.electionTimeoutMs });
    } catch (error) {
      log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'no successor in time');
    }
  }

  /** Hands over and ends. What is acknowledged is on disk already. */
  async stop(): Promise<void> {
    await this.handOver();
    if (this.#ended === undefined) {
      this.#ended = new KvorumError('MEMBER_STOPPING', 'this member is stopping');
      await this.#end({ kind: 'requested' });
    }
    await this.stopped;
  }

  /** Whether this member's own state, flushed to disk, knows it as a member. */
  holdsOwnRecord(): boolean {
    return this.#parts.machine.members().some((each) => each.id === this.#parts.id);
  }

  /** For one whose state does not hold its own record: what it waits for; undefined while a snapshot comes in. */
  get missing(): string | undefined {
    const { raft } = this.#parts;
    if (this.#loop.incoming.isReceiving || raft.installing) return undefined;
    return raft.leader === noMember
      ? 'no leader has called this member: either there is none, or it cannot reach the Raft address'
      : 'the leader has called this member, and has not begun to bring it the state';
  }

  /** As of what is applied here. */
  get config(): ClusterConfig {
    return this.#parts.machine.config;
  }

  /** Whether it can serve linearizable reads and writes, as far as it knows. onChange() tells of it. */
  get serving(): boolean {
    return this.#ended === undefined && this.#watches.serving;
  }

  /** Over all that is replicated: equal at members that have applied the same index. */
  hash(): number {
    return this.#parts.machine.hash();
  }

  /** Once, for the first reason that there is. */
  #end(reason: StopReason): Promise<void> {
    this.#ending ??= this.#close(reason);
    return this.#ending;
  }

  async #close(reason: StopReason): Promise<void> {
    const { peers, wal, backend, log } = this.#parts;
    this.#loop.end();
    this.#duties.end();
    // It may be long until the disk has ended what it is at.
    this.#tellChange();
    this.#parts.stopWaiting?.();
    // Before what they wait for is refused.
    const snapshotsEnd = Promise.all([this.#loop.outgoing.close(), this.#loop.incoming.close()]);
    backend.endWaits();
    const ended = this.#ended ?? new KvorumError('MEMBER_STOPPING', 'this member is stopping');
    this.#proposals.close(ended);
    this.#reads.close(ended);
    this.#ranges.close(ended);
    this.#configs.abandon();
    // After a failure the disk is left as it is: the next start replays the log.
    const flush = reason.kind !== 'failed';
    // Whoever opens the folder next finds nobody in it.
    const ends = [
      () => peers.close(),
      () => snapshotsEnd,
      () => wal.close(),
      () => backend.close({ flush }),
      () => this.#loop.installationEnded(),
    ];
    for (const end of ends) {
      try {
        await end();
      } catch (error) {
        if (reason.kind !== 'failed') log.warn({ error: String(error) }, 'closing');
      }
    }
    this.#resolveStopped(reason);
  }

  /** Calls `listener` whenever role, term, leader or members changed. @returns ends that */
  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  #tellChange(): void {
    for (const listener of this.#changeListeners) listener();
  }

  #checkRunning(): void {
    if (this.#ended !== undefined) throw new KvorumError('MEMBER_STOPPING', this.#ended.message);
  }

  write(command: Command, options?: CallOptions): Promise<CommandResult> {
    return promised((completion) => this.startWrite(command, options, completion));
  }

  startWrite(
    command: Command,
    options: CallOptions | undefined,
    completion: Completion<CommandResult>,
  ): void {
    try {
      this.#checkRunning();
      this.#proposals.addOne(command, options, completion);
      this.#loop.schedule();
    } catch (error) {
      completion.reject(error);
    }
  }

  writeAll(commands: readonly Command[], options?: CallOptions): Promise<readonly CommandResult[]> {
    return promised((completion) => {
      this.#checkRunning();
      this.#proposals.addAll(commands, options, completion);
      this.#loop.schedule();
    });
  }

  readBarrier(options?: CallOptions): Promise<void> {
    return promised((completion) => this.startReadBarrier(options, completion));
  }

  startReadBarrier(options: CallOptions | undefined, completion: Completion<void>): void {
    try {
      this.#checkRunning();
      this.#reads.add(options, completion);
      this.#loop.schedule();
    } catch (error) {
      completion.reject(error);
    }
  }

  async range(query: RangeQuery, options?: ReadOptions): Promise<RangeAnswer> {
    if (isKeyRange(query)) return promised((completion) => this.startRange(query, options, completion));
    if (options?.serializable !== true) await this.readBarrier(options);
    return this.rangeLocal(query);
  }

  startRange(
    query: KeyRangeQuery,
    options: ReadOptions | undefined,
    completion: Completion<RangeAnswer>,
  ): void {
    try {
      this.#checkRunning();
      const call = this.#ranges.call(query, options, completion);
      const fresh = {
        resolve: () => this.#ranges.enter(call),
        reject: (error: unknown) => call.waiter.reject(error),
      };
      if (options?.serializable === true) fresh.resolve();
      else this.startReadBarrier(options, fresh);
    } catch (error) {
      completion.reject(error);
    }
  }

  rangeLocal(query: RangeQuery): RangeAnswer {
    assert(!isKeyRange(query), 'a range is read in slices');
    this.#checkRunning();
    try {
      return this.#parts.machine.range(query);
    } catch (error) {
      this.#readFailed(error);
      throw error;
    }
  }

  #readFailed(error: unknown): void {
    // Writes would go on above what is damaged.
    if (isDamage(error)) this.#loop.fail(error);
  }

  requireLevel(needed: FeatureLevel, what: string): void {
    requireLevel(this.#parts.machine.featureLevel, needed, what);
  }

  status(): MemberStatus {
    return memberStatus(this.#parts);
  }

  peers(): readonly PeerStatus[] {
    return peerStatuses(this.#parts, (id) => this.#watches.reachability.of(id), this.#loop.outgoing);
  }

  async members(options: ReadOptions = {}): Promise<readonly MemberView[]> {
    if (options.serializable !== true) await this.readBarrier(options);
    const { machine, raft } = this.#parts;
    return machine.members().map((record) => ({
      ...record,
      voter: isVoter(machine.config, record.id),
      leader: raft.leader === record.id,
    }));
  }

  async join(request: JoinRequest, options?: CallOptions): Promise<JoinAnswer> {
    this.#checkRunning();
    return this.#changes.join(request, options);
  }

  async removeMember(id: MemberId, options?: CallOptions): Promise<void> {
    this.#checkRunning();
    await this.#changes.remove(id, options);
  }

  async promoteMember(id: MemberId, options?: CallOptions): Promise<void> {
    this.#checkRunning();
    await this.#changes.promote(id, options);
  }

  async changeMemberAddress(id: MemberId, peerAddress: string, options?: CallOptions): Promise<void> {
    this.#checkRunning();
    this.#refuseWhileUp(id, peerAddress);
    const result = await this.write({ type: 'change-address', id, peerAddress }, options);
    if (result.type === 'refused') throw new KvorumError(result.code, result.message);
  }

  /** A member makes its own address known: whatever else the table said would not stay. */
  #refuseWhileUp(id: MemberId, peerAddress: string): void {
    const { id: own, peerAddress: ownAddress } = this.#parts;
    const reach = this.#watches.reachability.of(id);
    const upAt = id === own ? ownAddress : reach?.reachable === true ? reach.address : undefined;
    if (upAt === undefined || upAt === peerAddress) return;
    const message = `member ${this.#nameOf(id)} is up at ${upAt}, and makes its own address known: to move it, start it with another -host, -advertise-host or -raftport`;
    throw new KvorumError('INVALID_REQUEST', message);
  }

  async transferLeadership(target: MemberId, options?: CallOptions): Promise<MemberId> {
    this.#checkRunning();
    return transferLeadership(this.#parts, target, options, {
      schedule: () => this.#loop.schedule(),
      onChange: (listener) => this.onChange(listener),
    });
  }
}
