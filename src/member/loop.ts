import { assert } from '../base/assert.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import type { MemberId, Term } from '../base/ids.js';
import { Work } from '../base/work.js';
import type { AppliedEntry } from '../fsm/state-machine.js';
import type { Timer } from '../ports/clock.js';
import type { LogRead, Message, ProposalResult, Ready, SnapshotMeta } from '../raft/types.js';
import { ApplyQueue } from './apply-queue.js';
import type { ConfigProposals } from './config-proposals.js';
import { admit } from './incoming-messages.js';
import { IncomingSnapshots } from './incoming-snapshots.js';
import { LogRetention } from './log-retention.js';
import { LogWrites } from './log-writes.js';
import { OutgoingSnapshots } from './outgoing-snapshots.js';
import type { MemberParts } from './parts.js';
import type { Proposals } from './proposals.js';
import type { Reads } from './reads.js';
import { SuspensionWatch } from './suspension-watch.js';
import { TransferSpace } from './transfer-space.js';

/** What the loop tells the member. */
export interface LoopListener {
  entryApplied(applied: AppliedEntry): void;
  snapshotInstalled(): void;
  /** Role, term or leader are not what they were a turn ago. */
  statusChanged(): void;
  ticked(): void;
  failed(error: Error): void;
}

/**
 * Ties Raft, log, state machine and peers together. A turn takes in what has gathered, and lets Raft say what
 * is to be done. Appends leave beside this member's own disk write; votes and acknowledgements wait for it
 * (log-writes.ts).
 */
export class Loop {
  readonly #parts: MemberParts;
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #configs: ConfigProposals;
  readonly #listener: LoopListener;
  readonly #retention: LogRetention;
  readonly #applying: ApplyQueue;
  readonly #writes: LogWrites;
  /** State on its way to members whose entries are gone from the log, and from a leader to this member. */
  readonly outgoing: OutgoingSnapshots;
  readonly incoming: IncomingSnapshots;
  /** Under way, the oldest first, with when each began. */
  readonly #logReads = new Map<LogRead, number>();

  /** Of the turn that was asked for; 0: none was. */
  #scheduled = 0;
  #turns = 0;
  #ended = false;
  #tickTimer: Timer | undefined;
  /** On the clock. */
  #nextTickMs = 0;
  #appliedTerm: Term;
  readonly #suspension: SuspensionWatch;
  #seen: { role: string; term: Term; leader: MemberId };

  constructor(
    parts: MemberParts,
    waiting: { proposals: Proposals; reads: Reads; configs: ConfigProposals },
    listener: LoopListener,
  ) {
    this.#parts = parts;
    this.#proposals = waiting.proposals;
    this.#reads = waiting.reads;
    this.#configs = waiting.configs;
    this.#listener = listener;
    this.#retention = new LogRetention(parts.options, parts.wal.sizes());
    const { raft, wal, backend, machine, clock } = parts;
    this.#applying = new ApplyQueue(backend, machine, parts.options);
    this.#writes = new LogWrites({
      raft,
      wal,
      clock,
      send: (messages) => this.#send(messages),
      guard: (action) => this.#guard(action),
      told: () => this.#turn(),
      failed: (error) => this.fail(error),
    });
    const space = new TransferSpace(parts.disk, parts.options.diskReserveSizeBytes);
    const failed = (error: unknown): void => this.fail(error);
    this.outgoing = new OutgoingSnapshots({
      ...{ ...parts, space, failed },
      featureLevel: () => machine.featureLevel,
      sizeBytesBehind: (index) => this.#retention.sizeBytesBehind(index),
      heldLogSizeBytes: (index) => this.#retention.heldSizeBytes(index, raft.firstIndex, raft.appliedIndex),
      schedule: () => this.schedule(),
    });
    this.incoming = new IncomingSnapshots({
      ...{ ...parts, space, failed },
      step: (message) => void this.step(message),
    });
    this.#appliedTerm = machine.applied.term;
    this.#suspension = new SuspensionWatch(clock, parts.options.heartbeatIntervalMs);
    this.#seen = { role: raft.role, term: raft.term, leader: raft.leader };
  }

  start(): void {
    this.#parts.backend.onFlushed((error) => {
      if (error !== undefined) {
        this.fail(error);
        return;
      }
      this.#cutLog();
      this.outgoing.look();
      if (this.#applying.ready) this.schedule();
    });
    this.#nextTickMs = this.#parts.clock.monotonicMs() + this.#parts.options.heartbeatIntervalMs;
    this.#armTick();
    this.#standIfAlone();
    this.schedule();
  }

  /** Where nobody else can lead, there is no election time-out to wait for. */
  #standIfAlone(): void {
    const { raft, id } = this.#parts;
    const { voters, votersOutgoing } = raft.status().config;
    if (voters.length === 1 && voters[0] === id && votersOutgoing.length === 0) raft.campaign();
  }

  #armTick(): void {
    const { clock } = this.#parts;
    this.#tickTimer = clock.setTimer(Math.max(0, this.#nextTickMs - clock.monotonicMs()), () => {
      this.#guard(() => {
        this.#turn();
        this.#armTick();
      });
    });
  }

  /**
   * Ticks when the time has come, before anything else of a turn: what came in behind a pause must not be answered
   * as if there had been none. Ticks that were missed are not made up for: the others' messages may wait unread.
   */
  #passTime(): void {
    const { clock, machine, options, raft } = this.#parts;
    if (options.leaseReads && this.#suspension.noticed()) raft.timeLost();
    const now = clock.monotonicMs();
    if (now < this.#nextTickMs) return;
    this.#nextTickMs += options.heartbeatIntervalMs;
    if (now >= this.#nextTickMs) {
      this.#nextTickMs = now + options.heartbeatIntervalMs;
      raft.timeLost();
    }
    raft.tick();
    this.#proposals.unstall();
    this.#proposals.sweep();
    // What is installed is told once the log follows it.
    this.#reads.tick(this.#writes.installing ? 0 : machine.applied.index);
    this.#listener.ticked();
  }

  /** Runs a turn once the input that is ready has been taken in. */
  schedule(): void {
    if (this.#scheduled !== 0 || this.#ended) return;
    const turn = ++this.#turns;
    this.#scheduled = turn;
    this.#parts.clock.nextTurn(() => {
      if (this.#scheduled === turn) this.turnFirst();
    });
  }

  /** Runs the turn that was asked for, if one was, now: before other work that takes time. */
  turnFirst(): void {
    if (this.#scheduled === 0) return;
    this.#scheduled = 0;
    this.#guard(() => this.#turn());
  }

  /** Takes in another member's message. @throws MalformedBytesError: none sends such a one */
  receive(message: Message): void {
    if (this.#ended) return;
    const admitted = admit(message, this.#parts);
    const objection = admitted === undefined ? undefined : this.step(admitted);
    if (objection !== undefined) throw new MalformedBytesError(objection);
  }

  /** What was under way to this member may be lost: the leader is asked again. */
  reachable(id: MemberId): void {
    const { raft } = this.#parts;
    this.#guard(() => {
      raft.reportReachable(id);
      if (id === raft.leader) this.#reads.askAgain();
      this.schedule();
    });
  }

  /** Bytes of a long message from or to another member, sent in `term`, have arrived. */
  heard(id: MemberId, term: Term): void {
    this.#guard(() => {
      this.#passTime();
      this.#parts.raft.heard(id, term);
    });
  }

  /** Hands a message to Raft. @returns what Raft has against it */
  step(message: Message): string | undefined {
    let objection: string | undefined;
    this.#guard(() => {
      this.#passTime();
      // As if it were lost: the leader sends it again, with what comes behind it.
      if (message.type === 'append' && message.entries.length > 0 && this.#full) return;
      objection = this.#parts.raft.step(message);
      this.schedule();
    });
    return objection;
  }

  /** So much waits for the disk, or to be applied, that nothing more is taken from a leader. */
  get #full(): boolean {
    return this.#applying.full || this.#writes.sizeBytes >= this.#parts.options.inflightSizeBytesMax;
  }

  /** Since when the log has been at the oldest write or read that is under way; undefined: at none. */
  get oldestLogWorkMs(): number | undefined {
    const [oldestReadMs = Infinity] = this.#logReads.values();
    const oldestMs = Math.min(this.#writes.oldestMs ?? Infinity, oldestReadMs);
    return oldestMs === Infinity ? undefined : oldestMs;
  }

  /** Runs `action` on Raft's side; whatever it throws stops the member. */
  #guard(action: () => void): void {
    if (this.#ended) return;
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #turn(): void {
    if (this.#ended) return;
    const { raft } = this.#parts;
    this.#passTime();
    // What was turned down goes before what came since.
    this.#tellOutcomes(raft.takeProposalResults());
    this.#proposals.submit();
    this.#reads.submit();
    if (raft.hasReady()) this.#process(raft.ready());
    if (this.#applying.ready) this.#apply();
    this.#noticeChanges();
    if (raft.hasReady() || this.#proposals.ready || this.#reads.ready || this.#applying.ready)
      this.schedule();
  }

  #noticeChanges(): void {
    const { raft } = this.#parts;
    const seen = this.#seen;
    if (raft.role === seen.role && raft.term === seen.term && raft.leader === seen.leader) return;
    const leaderChanged = raft.leader !== seen.leader || raft.term !== seen.term;
    this.#seen = { role: raft.role, term: raft.term, leader: raft.leader };
    if (leaderChanged) {
      this.#proposals.unstall();
      this.#reads.askAgain();
    }
    this.#listener.statusChanged();
  }

  #process(ready: Ready): void {
    this.#send(ready.messages);
    for (const entry of ready.entries) this.#retention.appended(entry);
    if (ready.snapshot !== undefined) this.#applying.clear();
    this.#writes.take(ready, ready.snapshot && this.#installation(ready.snapshot));

    this.#tellOutcomes(ready.proposalResults);
    for (const { context, index } of ready.readStates) {
      this.#reads.confirmed(context, index, this.#parts.machine.applied.index);
    }
    this.#applying.add(ready.committed);
    for (const read of ready.logReads) this.#readLog(read);
  }

  /** For a follower that lacks what is no longer in memory. */
  #readLog(read: LogRead): void {
    const { raft, wal, clock } = this.#parts;
    this.#logReads.set(read, clock.monotonicMs());
    wal.read(read.from).then(
      (entries) => {
        this.#logReads.delete(read);
        this.#guard(() => {
          raft.entriesRead(read, entries);
          this.schedule();
        });
      },
      (error: unknown) => this.fail(error),
    );
  }

  #tellOutcomes(results: readonly ProposalResult[]): void {
    for (const { proposalId, outcome } of results) {
      this.#proposals.outcome(proposalId, outcome);
      this.#configs.outcome(proposalId, outcome);
    }
  }

  #send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    let plain = messages;
    if (messages.some((message) => message.type === 'snapshot')) {
      for (const message of messages) if (message.type === 'snapshot') this.outgoing.send(message.to);
      plain = messages.filter((message) => message.type !== 'snapshot');
    }
    this.#parts.peers.send(plain);
  }

  /** One slice of what is committed: a turn's work is bounded, whatever the entries hold. */
  #apply(): void {
    const { machine, raft, options } = this.#parts;
    const work = new Work(options.applyUnitsMax);
    for (let entry = this.#applying.first; entry !== undefined; entry = this.#applying.first) {
      if (work.spent) break;
      const applied = machine.apply(entry, work);
      if (applied === undefined) break;
      this.#applying.shift();
      if (entry.term > this.#appliedTerm) {
        this.#appliedTerm = entry.term;
        this.#proposals.termApplied(entry.term);
      }
      // Each, not the last of them alone: a change is known by the index and term of its own entry.
      this.#configs.applied(entry.index, entry.term);
      this.#listener.entryApplied(applied);
    }
    machine.commit();
    const { index } = machine.applied;
    raft.applied(index);
    raft.release(this.#retention.beyondMemory(index));
    this.#reads.applied(index);
  }

  /**
   * The rows are there, and durable. The switch, then the log: where this is cut short in between, the start finds that the
   * state was installed, and that the log does not know it.
   */
  #installation(meta: SnapshotMeta): () => Promise<void> {
    const install = this.incoming.takeArrived(meta.index);
    assert(install !== undefined, 'Raft installs only a snapshot that has arrived');
    const { wal, log } = this.#parts;
    return async () => {
      await install.activate(() => this.#stateSwitched(meta.term));
      await wal.reset({ index: meta.index, term: meta.term });
      this.#reads.applied(meta.index);
      log.info({ index: meta.index, term: meta.term }, 'snapshot installed');
      this.#listener.snapshotInstalled();
    };
  }

  /**
   * With the switch itself: reads of the local state go on, and must not see new rows with what was known of the old ones.
   * Calls that come from now on are not in the snapshot, those before may be.
   */
  #stateSwitched(term: Term): void {
    this.#parts.machine.reload();
    this.#appliedTerm = term;
    this.#proposals.snapshotInstalled();
    this.#configs.abandon();
  }

  /** The log is cut only behind what the state has safely on disk, and what a snapshot goes on from. */
  #cutLog(): void {
    const { raft, backend, wal } = this.#parts;
    const forgettable = this.#retention.forgettable(raft.firstIndex, raft.appliedIndex);
    const needless = Math.max(
      Math.min(forgettable, this.outgoing.dropCaughtUp()),
      this.#retention.overdue(raft.appliedIndex, this.outgoing.lagSizeBytes),
    );
    const index = Math.min(
      Math.max(
        Math.min(needless, this.outgoing.oldestNeededIndex),
        this.#retention.beyondDisk(raft.appliedIndex),
      ),
      backend.flushed.index,
    );
    if (index < raft.firstIndex) return;
    this.#guard(() => raft.compact(index));
    this.#retention.forgotten(index);
    wal.cut(index).catch((error: unknown) => this.fail(error));
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.end();
    this.#listener.failed(error instanceof Error ? error : new Error(String(error)));
  }

  /** No more turns; what is being written may still end. */
  end(): void {
    this.#ended = true;
    this.#tickTimer?.cancel();
  }

  /** Of an installation that was under way: the backend's end ends it. */
  installationEnded(): Promise<void> {
    return this.#writes.installationEnded();
  }
}
