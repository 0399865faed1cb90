import { assert } from '../../base/assert.js';
import { Prng } from '../../base/prng.js';
import { TermRuns } from '../../base/term-runs.js';
import type { RaftOptions } from '../raft.js';
import { Raft } from '../raft.js';
import type { HardState, Index, LogRead, MemberId, Message, Ready, SnapshotMeta } from '../types.js';
import { StableStore } from './stable-store.js';

export interface MemberEvents {
  send(message: Message): void;
  /** Taken from the core; nothing of it has been done yet. */
  ready(member: Member, ready: Ready): void;
  /** An input was taken in. */
  stepped(member: Member): void;
}

interface ApplyTask {
  readonly index: Index;
  /** A snapshot is live only when its write has ended. */
  readonly after: Ready | undefined;
}

/** One core with its disk and state machine: the least that a real member does, one step at a time. */
export class Member {
  readonly id: MemberId;
  readonly store: StableStore;
  raft: Raft;
  alive = true;
  /** Writes under way, oldest first. */
  writes: Ready[] = [];
  /** Committed and not yet applied. */
  tasks: ApplyTask[] = [];
  /** Of the log on disk, under way. */
  reads: LogRead[] = [];
  applied: Index;
  /** A start reads what is not applied, and leaves the rest of the log on disk. */
  startsWithNewestEntries = false;
  readonly #options: Omit<RaftOptions, 'id' | 'random'>;
  readonly #events: MemberEvents;
  readonly #seed: number;
  #starts = 0;
  /** Whose term and vote were written, and told, ahead of the rest. */
  readonly #overtaken = new WeakSet<Ready>();

  constructor(
    id: MemberId,
    options: Omit<RaftOptions, 'id' | 'random'>,
    snapshot: SnapshotMeta,
    seed: number,
    events: MemberEvents,
  ) {
    this.id = id;
    this.store = new StableStore(snapshot);
    this.#options = options;
    this.#events = events;
    this.#seed = seed;
    this.applied = 0;
    this.raft = this.#start();
  }

  #start(): Raft {
    const { hardState, snapshot, entries, applied } = this.store;
    const random = new Prng(this.#seed * 1000 + Number(this.id) * 100 + this.#starts++);
    this.applied = applied;
    const options = { ...this.#options, id: this.id, random };
    if (!this.startsWithNewestEntries) {
      return new Raft(options, { hardState, snapshot, entries: [...entries], applied });
    }
    const terms = new TermRuns(snapshot.index, snapshot.term);
    for (const { term } of entries) terms.append(term);
    const newest = entries.filter(({ index }) => index > applied);
    const appliedConfig = this.store.configAt(applied);
    return new Raft(options, { hardState, snapshot, entries: newest, terms, applied, appliedConfig });
  }

  /** Takes an input, then all Readys that it made; their writes and applies wait. */
  input(action: (raft: Raft) => void): void {
    assert(this.alive, 'a dead member takes no input');
    action(this.raft);
    this.#events.stepped(this);
    while (this.raft.hasReady()) this.#takeReady();
  }

  #takeReady(): void {
    const ready = this.raft.ready();
    this.#events.ready(this, ready);
    for (const message of ready.messages) this.#events.send(message);
    if (ready.snapshot !== undefined) this.tasks.push({ index: ready.snapshot.index, after: ready });
    this.reads.push(...ready.logReads);
    for (const { index } of ready.committed) this.tasks.push({ index, after: undefined });
    if (ready.persistMark !== undefined || this.writes.length > 0) {
      this.writes.push(ready);
    } else {
      this.#sendAfterHardState(ready);
      for (const message of ready.messagesAfterPersist) this.#events.send(message);
    }
  }

  #sendAfterHardState(ready: Ready): void {
    if (this.#overtaken.has(ready)) return;
    this.#overtaken.add(ready);
    for (const message of ready.messagesAfterHardState) this.#events.send(message);
  }

  /** The newest term and vote reach the disk ahead of the writes under way. */
  persistHardState(): void {
    const hardState = this.#writeHardState();
    for (const ready of this.writes) this.#sendAfterHardState(ready);
    if (hardState !== undefined) this.input((raft) => raft.hardStatePersisted(hardState));
  }

  #writeHardState(): HardState | undefined {
    const hardState = this.writes.findLast((ready) => ready.hardState !== undefined)?.hardState;
    if (hardState !== undefined) this.store.writeTermAndVote(hardState);
    return hardState;
  }

  /** Ends the oldest write. Several marks may be reported as one: `report` false leaves this one out. */
  persist(report = true): void {
    const ready = this.writes.shift();
    if (ready === undefined) return;
    this.store.write(ready);
    this.#sendAfterHardState(ready);
    for (const message of ready.messagesAfterPersist) this.#events.send(message);
    const mark = ready.persistMark;
    const another = this.writes.some(({ persistMark }) => persistMark !== undefined);
    if (mark !== undefined && (report || !another)) {
      this.input((raft) => raft.persisted(mark));
    }
  }

  /** Applies the oldest committed entry or snapshot. */
  apply(): void {
    const task = this.tasks[0];
    if (task === undefined || (task.after !== undefined && this.writes.includes(task.after))) return;
    this.tasks.shift();
    this.applied = Math.max(this.applied, task.index);
    const { applied } = this;
    this.input((raft) => raft.applied(applied));
  }

  /** The state machine's changes up to `index` reach its disk. */
  flush(index = this.applied): void {
    this.store.applied = Math.max(this.store.applied, Math.min(index, this.applied));
  }

  /** Lets what is applied go from memory. */
  release(index: Index): void {
    this.input((raft) => raft.release(Math.min(index, raft.status().applied)));
  }

  /** Ends the oldest read of the log on disk, of at most `countMax` entries. */
  readLog(countMax: number): void {
    const read = this.reads.shift();
    if (read === undefined) return;
    const at = read.from - this.store.snapshot.index - 1;
    const entries = at < 0 ? [] : this.store.entries.slice(at, at + countMax);
    this.input((raft) => raft.entriesRead(read, entries.length > 0 ? entries : undefined));
  }

  /** Cuts the log in memory and on disk. */
  compact(index: Index): void {
    const limit = Math.min(index, this.store.applied);
    const term = this.raft.entryTerm(limit);
    if (term === undefined || limit > this.raft.status().applied) return;
    // A start knows no configuration from before what was applied then.
    const { index: configIndex, config } = this.store.configAt(limit);
    this.store.cut({ index: limit, term, config, configIndex });
    this.input((raft) => raft.compact(limit));
  }

  /**
   * @param writesKept so many of the writes under way still reached the disk
   * @param hardStateKept so did term and vote, ahead of them
   */
  crash(writesKept = 0, hardStateKept = false): void {
    if (hardStateKept) this.#writeHardState();
    for (const ready of this.writes.slice(0, writesKept)) this.store.write(ready);
    this.writes = [];
    this.tasks = [];
    this.reads = [];
    this.alive = false;
  }

  restart(): void {
    assert(!this.alive, 'only a dead member is started');
    this.alive = true;
    this.raft = this.#start();
    this.#events.stepped(this);
    while (this.raft.hasReady()) this.#takeReady();
  }
}
