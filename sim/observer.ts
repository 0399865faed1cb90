import { assert } from '../src/base/assert.js';
import { crc32c } from '../src/base/crc32c.js';
import { knowsLevel, type FeatureLevel } from '../src/base/feature-levels.js';
import type { Index, MemberId, Term } from '../src/base/ids.js';
import { raisesTo } from '../src/fsm/members/raises-to.js';
import type { MemberParts } from '../src/member/parts.js';
import type { Raft } from '../src/raft/raft.js';
import { describeProposalResult } from '../src/raft/testing/describe.js';
import { Invariants, type ObservedMember } from '../src/raft/testing/invariants.js';
import type { Entry, Message, Ready } from '../src/raft/types.js';
import { comparisonsLevel, levelOf } from './builds.js';
import type { Leadership } from './checkers/membership-truth.js';
import { Conduct } from './conduct.js';
import { describeEntries, describeReady } from './describe.js';
import { DurableLog } from './durable-log.js';
import type { Machine } from './machine.js';
import { SnapshotRows } from './snapshot-rows.js';
import type { TraceEvent } from './trace.js';
import { TurnWork } from './turn-work.js';

/** Every so many entries the states of all members are compared as a whole. */
const hashEveryEntries = 16;

interface Watched extends ObservedMember {
  readonly machine: Machine;
  readonly raft: Raft;
  readonly store: DurableLog;
  role: string;
  ledTerm: Term;
  readonly parts: MemberParts;
  /** As of what it had applied when it was looked at last. */
  featureLevel: FeatureLevel;
}

/**
 * Looks on while members run, and checks each step: the properties of paper figure 3 (raft/testing/invariants.ts),
 * equal state at equal index, and that nothing that was promised is forgotten by a crash.
 */
export class Observer {
  readonly #members = new Map<MemberId, Watched>();
  /** The same, found by what needs no number of 64 bits hashed. */
  readonly #watched = new Map<Machine, Watched>();
  readonly invariants = new Invariants(this.#members);
  readonly #trace: ((where: string, event: TraceEvent['event'], text: string) => void) | undefined;
  /** Over term and bytes of the entry that was applied at an index. */
  readonly #applied = new Map<Index, number>();
  readonly #hashes = new Map<Index, { readonly hash: number; readonly by: string }>();
  /** Of each member: the newest term that it has told anyone, and in which terms it voted for whom. */
  readonly #told = new Map<Machine, Term>();
  readonly #votes = new Map<string, MemberId>();
  readonly #flushed = new Map<Machine, Index>();
  readonly #conduct = new Conduct();
  readonly #snapshotRows = new SnapshotRows();
  readonly #turnWork: TurnWork;
  /** Told of each Ready before anything of it is done. */
  readonly readyListeners = new Set<(machine: Machine, ready: Ready) => void>();
  /** In the order in which they began to lead. */
  readonly leaders: Leadership[] = [];
  /** Lives of members, as the clients' history names them, in which a snapshot was installed. */
  readonly installed = new Set<string>();
  entriesApplied = 0;
  /** The highest that any member has applied. */
  featureLevel: FeatureLevel = 0;
  /** An entry that is to raise the level is committed. */
  raising = false;

  /** @param rowUnits work of the longest row, at most */
  constructor(
    trace: ((where: string, event: TraceEvent['event'], text: string) => void) | undefined,
    rowUnits: number,
  ) {
    this.#trace = trace;
    this.#turnWork = new TurnWork(rowUnits);
    this.invariants.foundedAt({ index: 1, term: 1 });
  }

  /** A member has read its data folder; from now on it is looked at. */
  attach(machine: Machine, parts: MemberParts): void {
    const { raft, machine: state, backend, wal } = parts;
    this.#checkRemembers(machine, parts);
    const cut = wal.cut.bind(wal);
    wal.cut = async (index) => {
      const flushed = backend.flushed.index;
      assert(index <= flushed, `${machine.name} forgets its log up to ${index}, and has flushed ${flushed}`);
      await cut(index);
    };
    machine.durable = new DurableLog(raft);
    const watched: Watched = {
      id: machine.id,
      machine,
      raft,
      store: machine.durable,
      role: '',
      ledTerm: 0,
      parts,
      featureLevel: 0,
    };
    this.#members.set(machine.id, watched);
    this.#watched.set(machine, watched);
    this.#watchRaft(watched);
    this.invariants.checkStart(watched);
    this.#snapshotRows.attach(machine, parts);
    this.#turnWork.attach(machine, parts);
    const apply = state.apply.bind(state);
    state.apply = (entry, work) => {
      const applied = apply(entry, work);
      if (applied === undefined) return undefined;
      this.#levelApplied(watched, entry);
      this.#entryApplied(machine, entry, () => state.hash());
      return applied;
    };
    const reload = state.reload.bind(state);
    state.reload = () => {
      reload();
      this.installed.add(`${machine.name}.${machine.life?.number}`);
      if (!state.unfinished) this.#checkHash(machine, state.applied.index, () => state.hash());
    };
    const { index } = backend.applied;
    if (this.#hashes.has(index) && !state.unfinished) this.#checkHash(machine, index, () => state.hash());
    this.check(machine);
  }

  #watchRaft(watched: Watched): void {
    const { raft, store, machine } = watched;
    const ready = raft.ready.bind(raft);
    raft.ready = () => {
      const next = ready();
      this.check(machine);
      this.#conduct.turns(machine, raft);
      this.invariants.checkReady(watched, next);
      this.#conduct.appended(machine, raft, next.entries);
      this.#checkKnown(watched, next.entries);
      this.raising ||= next.committed.some((entry) => raisesTo(entry) !== undefined);
      store.begun(next);
      for (const listener of this.readyListeners) listener(machine, next);
      if (this.#trace !== undefined) {
        for (const line of describeReady(next)) this.#trace(machine.name, 'ready', line);
      }
      return next;
    };
    const takeResults = raft.takeProposalResults.bind(raft);
    raft.takeProposalResults = () => {
      const results = takeResults();
      for (const result of results) this.#trace?.(machine.name, 'ready', describeProposalResult(result));
      return results;
    };
    const persisted = raft.persisted.bind(raft);
    raft.persisted = (mark) => {
      this.#trace?.(machine.name, 'persist', String(mark));
      store.persisted(mark);
      persisted(mark);
    };
    const hardStatePersisted = raft.hardStatePersisted.bind(raft);
    raft.hardStatePersisted = (durable) => {
      this.#trace?.(machine.name, 'persist', `term ${durable.term} vote ${durable.vote}`);
      hardStatePersisted(durable);
    };
  }

  /** Term, vote and state are not behind what the member had told others, or flushed, before it ended. */
  #checkRemembers(machine: Machine, { raft, backend }: MemberParts): void {
    const told = this.#told.get(machine) ?? 0;
    assert(raft.term >= told, `${machine.name} starts in term ${raft.term}, and had said ${told} before`);
    const flushed = this.#flushed.get(machine) ?? 0;
    assert(
      backend.applied.index >= flushed,
      `${machine.name} starts with state ${backend.applied.index}, and had flushed ${flushed} before`,
    );
    const lost = machine.durable?.lostIn(raft);
    assert(lost === undefined, `${machine.name} has forgotten entry ${lost}, which was on its disk`);
  }

  /** After anything that has run in the member's process. */
  check(machine: Machine): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined || machine.life?.parts?.raft !== watched.raft) return;
    this.invariants.checkStep(watched);
    this.#conduct.check(machine, watched.raft);
    this.#checkLevel(watched);
    this.#noteLeader(watched);
    if (this.#trace !== undefined) this.#noteRole(watched);
  }

  /** The level never falls, is raised only where all know it, and no member goes on at one that it does not know. */
  #checkLevel(watched: Watched): void {
    const { machine, parts, featureLevel: before } = watched;
    const { featureLevel } = parts.machine;
    if (featureLevel === before) return;
    assert(featureLevel > before, `${machine.name} falls from feature level ${before} to ${featureLevel}`);
    watched.featureLevel = featureLevel;
    this.featureLevel = Math.max(this.featureLevel, featureLevel);
    assert(
      knowsLevel(parts.levels, featureLevel),
      `${machine.name} goes on at feature level ${featureLevel}, which it does not know`,
    );
  }

  /** Nothing that a member cannot read enters its log. */
  #checkKnown({ machine, parts }: Watched, entries: readonly Entry[]): void {
    const { max } = parts.levels;
    if (max >= comparisonsLevel) return;
    for (const entry of entries) {
      assert(
        levelOf(entry) <= max,
        `${machine.name} takes into its log at ${entry.index} what it does not know`,
      );
    }
  }

  #levelApplied(watched: Watched, entry: Entry): void {
    const { machine, parts, featureLevel: before } = watched;
    const { featureLevel } = parts.machine;
    if (featureLevel < comparisonsLevel) {
      assert(
        featureLevel >= levelOf(entry),
        `${machine.name} applies at ${entry.index} what the feature level does not allow`,
      );
    }
    if (featureLevel > before && before > 0) {
      const unaware = parts.machine.members().filter(({ levels }) => !knowsLevel(levels, featureLevel));
      assert(
        unaware.length === 0,
        `the feature level is raised to ${featureLevel}, which ${unaware[0]?.name} does not know`,
      );
    }
    this.#checkLevel(watched);
  }

  #noteLeader(watched: Watched): void {
    const { raft, machine } = watched;
    if (raft.role !== 'leader' || raft.term === watched.ledTerm) return;
    watched.ledTerm = raft.term;
    this.leaders.push({ id: machine.id, term: raft.term });
  }

  #noteRole(watched: Watched): void {
    const role = `${watched.raft.role} in term ${watched.raft.term}`;
    if (role === watched.role) return;
    watched.role = role;
    this.#trace?.(watched.machine.name, 'role', `is ${role}`);
  }

  flushed(machine: Machine): void {
    this.#flushed.set(machine, machine.backend.flushed.index);
  }

  /** What leaves a member is a promise: its term, and its vote in that term. */
  sent(machine: Machine, message: Message): void {
    this.#conduct.sent(machine, message);
    if ('preVote' in message && message.preVote) return;
    if (message.type === 'vote-response' && message.granted) this.#voted(machine, message.term, message.to);
    if (message.type === 'vote-request') this.#voted(machine, message.term, message.from);
    if (message.term > (this.#told.get(machine) ?? 0)) this.#told.set(machine, message.term);
  }

  #voted(machine: Machine, term: Term, candidate: MemberId): void {
    const key = `${machine.id}:${term}`;
    const before = this.#votes.get(key);
    assert(
      before === undefined || before === candidate,
      `${machine.name} votes for ${candidate} and for ${before} in term ${term}`,
    );
    this.#votes.set(key, candidate);
  }

  #entryApplied(machine: Machine, entry: Entry, hash: () => number): void {
    this.entriesApplied++;
    this.#trace?.(machine.name, 'apply', describeEntries([entry]));
    const sum = crc32c(entry.data, entry.term * 4 + entry.type.length);
    const before = this.#applied.get(entry.index);
    assert(
      before === undefined || before === sum,
      `${machine.name} applies another entry at ${entry.index} than others did`,
    );
    this.#applied.set(entry.index, sum);
    if (entry.index % hashEveryEntries === 0) this.#checkHash(machine, entry.index, hash);
  }

  /** State machine equality: at one index one state. */
  #checkHash(machine: Machine, index: Index, hashOf: () => number): void {
    // The member is to meet that by itself.
    if (machine.backend.holdsRot) return;
    const hash = hashOf();
    const before = this.#hashes.get(index);
    if (before === undefined) this.#hashes.set(index, { hash, by: machine.name });
    else {
      assert(before.hash === hash, `the states of ${machine.name} and ${before.by} differ at index ${index}`);
    }
  }
}
