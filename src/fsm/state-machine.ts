import { assert } from '../base/assert.js';
import { ByteReader, ByteWriter } from '../base/byte-stream.js';
import { encodeUtf8 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import { KvorumError } from '../base/errors.js';
import { knownLevels, type FeatureLevel, type LevelRange } from '../base/feature-levels.js';
import type { ClusterId, Index, MemberId, Revision } from '../base/ids.js';
import { Work } from '../base/work.js';
import type { AppliedPosition, Backend } from '../ports/backend.js';
import { DiskError } from '../ports/disk.js';
import type { ClusterConfig, Entry } from '../raft/types.js';
import type { Command, CommandBatch, CommandResult } from './command.js';
import { decodeCommandBatch } from './command-codec.js';
import { hashOf } from './hash.js';
import { MemberTable } from './members/member-table.js';
import { MembersPart } from './members/members-part.js';
import type { MemberRecord } from './members/membership.js';
import { KeySpace } from './keys/key-space.js';
import { KeysPart } from './keys/keys-part.js';
import { stateDefaults, type StateLimits } from './keys/limits.js';
import type { RangeRead } from './keys/range-read.js';
import { markPassedOver, passedOverIn, PassedOverEntries, type PassedOver } from './passed-over.js';
import type { KeyRangeQuery, RangeAnswer, RangeQuery } from './range.js';

export interface AppliedEntry {
  /** Of a normal entry: whose it is, and one result for each of its commands. */
  readonly batch?: {
    readonly proposer: bigint;
    readonly sequence: number;
    readonly results: readonly CommandResult[];
  };
  /** The member table, the feature level or the configuration is not what it was. */
  readonly membershipChanged: boolean;
}

/** Of an entry that a part of is on disk: how many of its commands are done. */
const unfinishedKey = encodeUtf8('unfinished');

/** An entry that is being applied. */
interface EntryRun {
  readonly batch: CommandBatch;
  /** The command that is next, or under way. */
  at: number;
  readonly results: CommandResult[];
  membershipChanged: boolean;
  /** The backend has a row that says how far it is. */
  saved: boolean;
}

export interface InitialState {
  readonly clusterId: ClusterId;
  readonly config: ClusterConfig;
  readonly members: readonly MemberRecord[];
  readonly featureLevel: FeatureLevel;
}

/**
 * The replicated state: what it becomes is decided by the entries alone, so that all members agree. Entries are
 * applied in order, each once; commit() ends a batch of them.
 */
export class StateMachine {
  readonly #backend: Backend;
  readonly #keys: KeySpace;
  readonly #keysPart: KeysPart;
  readonly #members: MemberTable;
  readonly #membersPart: MembersPart;
  readonly #passedOver: PassedOverEntries;
  /** As of StateLimits. */
  readonly #smallEntryCommandsMax: number;
  #applied: AppliedPosition;
  #run: EntryRun | undefined;

  /**
   * Goes on with what the backend holds.
   * @param passedOver entries that are taken for empty ones
   * @param known the feature levels of this version
   * @throws KvorumError VERSION_MISMATCH
   */
  constructor(
    backend: Backend,
    limits: StateLimits = stateDefaults,
    passedOver: readonly PassedOver[] = [],
    known: LevelRange = knownLevels,
  ) {
    this.#backend = backend;
    this.#passedOver = new PassedOverEntries(passedOver);
    this.#smallEntryCommandsMax = limits.smallEntryCommandsMax;
    // First: it finds out whether this version can read the rest.
    this.#members = new MemberTable(backend, known);
    this.#keys = new KeySpace(backend, limits);
    this.#keysPart = new KeysPart(backend, this.#keys, limits.previousSizeBytesMax);
    this.#membersPart = new MembersPart(this.#members);
    this.#applied = backend.applied;
  }

  /** Writes a new cluster's first state to an empty backend, as of `position`. */
  static initialise(
    backend: Backend,
    initial: InitialState,
    position: AppliedPosition,
    limits: StateLimits = stateDefaults,
    known: LevelRange = knownLevels,
  ): StateMachine {
    assert(backend.applied.index === 0, 'only an empty backend is initialised');
    const machine = new StateMachine(backend, limits, [], known);
    machine.#members.initialise(initial);
    machine.#applied = position;
    machine.commit();
    return machine;
  }

  /**
   * A cluster of `sole` alone goes on from what is applied, as another one: for whoever has decided that the old one is
   * lost. It stands at a position of its own, of a term that the old one has not had.
   */
  refound(clusterId: ClusterId, sole: MemberId, position: AppliedPosition): void {
    assert(!this.unfinished && this.#run === undefined, 'no entry is half applied');
    assert(position.index > this.#applied.index && position.term > this.#applied.term, 'it lies ahead');
    this.#members.refound(clusterId, sole, position.index);
    this.#applied = position;
    this.commit();
  }

  /** A snapshot was installed below: forgets what was read before. */
  reload(): void {
    this.#run = undefined;
    this.#members.reload();
    this.#keysPart.reload();
    this.#applied = this.#backend.applied;
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get clusterId(): ClusterId {
    return this.#members.clusterId;
  }

  get config(): ClusterConfig {
    return this.#members.config;
  }

  /** Of the entry that made `config`; 0: the first one. */
  get configIndex(): Index {
    return this.#members.configIndex;
  }

  get revision(): Revision {
    return this.#keys.revision;
  }

  get compactRevision(): Revision {
    return this.#keys.compactRevision;
  }

  get keys(): KeySpace {
    return this.#keys;
  }

  members(): readonly MemberRecord[] {
    return this.#members.members;
  }

  removedMembers(): ReadonlySet<MemberId> {
    return this.#members.removed;
  }

  get featureLevel(): FeatureLevel {
    return this.#members.featureLevel;
  }

  /** @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE */
  read(query: KeyRangeQuery): RangeRead {
    return this.#keys.read(query);
  }

  /**
   * At once: for a single key, and for checks.
   * @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE
   */
  range(query: RangeQuery): RangeAnswer {
    return this.#keys.range(query);
  }

  /** Whether the entry is taken for an empty one. */
  passesOver(entry: Entry): boolean {
    return this.#passedOver.has(entry);
  }

  /**
   * Applies the next entry, or a slice of it. An entry that takes several has its answer, and counts as applied, at its
   * end; until then nothing else may be applied. Commands make their revisions one by one; of one that takes several
   * slices nothing is seen before its end.
   *
   * @param work ends the slice once it is spent
   * @returns undefined: the same entry is to be handed in again
   * @throws KvorumError ENTRY_NOT_APPLICABLE: a part of it may be applied, nothing may be committed any more, and the
   * member must stop; VERSION_MISMATCH: likewise, the cluster goes on without this version; DATA_DAMAGED for what the state holds
   */
  apply(entry: Entry, work: Work = Work.unbounded()): AppliedEntry | undefined {
    assert(entry.index === this.#applied.index + 1, `entry ${entry.index} follows ${this.#applied.index}`);
    try {
      const applied = this.#apply(entry, work);
      if (applied !== undefined) this.#applied = { index: entry.index, term: entry.term };
      return applied;
    } catch (error) {
      if (error instanceof KvorumError || error instanceof DiskError) throw error;
      throw notApplicable(entry, error);
    }
  }

  #apply(entry: Entry, work: Work): AppliedEntry | undefined {
    if (this.#run !== undefined) return this.#goOn(this.#run, work);
    work.charge();
    if (this.#passedOver.has(entry)) return this.#passOver(entry);
    switch (entry.type) {
      case 'empty':
        return { membershipChanged: false };
      case 'config':
        this.#members.applyConfigEntry(entry.index, entry.data);
        return { membershipChanged: true };
      case 'normal':
        return this.#goOn(this.#begin(entry.data), work);
    }
  }

  /** Who takes part was decided when the entry entered the log: only what it says of the member table is left out. */
  #passOver(entry: Entry): AppliedEntry {
    this.#keysPart.abandon();
    this.#backend.delete('meta', unfinishedKey);
    markPassedOver(this.#backend, entry);
    if (entry.type !== 'config') return { membershipChanged: false };
    this.#members.applyConfiguration(entry.index, entry.data);
    return { membershipChanged: true };
  }

  /** An entry that may take more than one slice begins behind a commit: what it has written is not for the others'. */
  #begin(data: Uint8Array): EntryRun {
    const batch = decodeCommandBatch(data);
    // The two rows of a part come and go together: no look-up for each entry.
    const row = this.#keysPart.unfinished ? this.#backend.get('meta', unfinishedKey) : undefined;
    assert(
      row !== undefined || !this.#keysPart.unfinished,
      'a command that is half done is of an entry that is',
    );
    const at = row === undefined ? 0 : new ByteReader(row).varint();
    if (batch.commands.length > this.#smallEntryCommandsMax || batch.commands.some(takesSlices)) {
      this.#commitBefore();
    }
    this.#run = { batch, at, results: [], membershipChanged: false, saved: row !== undefined };
    return this.#run;
  }

  /** Commits what waits: the entries in front of the one that begins. */
  #commitBefore(): void {
    if (this.#backend.applied.index < this.#applied.index) this.commit();
  }

  #goOn(run: EntryRun, work: Work): AppliedEntry | undefined {
    const { batch, results } = run;
    for (; run.at < batch.commands.length; run.at++) {
      if (work.spent && batch.commands.length > this.#smallEntryCommandsMax) return undefined;
      const result = this.#applyCommand(batch.commands[run.at]!, work);
      if (result === undefined) return undefined;
      results.push(result);
      run.membershipChanged ||= changesMembership(result);
    }
    this.#run = undefined;
    if (run.saved) this.#backend.delete('meta', unfinishedKey);
    const { proposer, sequence } = batch;
    return { batch: { proposer, sequence, results }, membershipChanged: run.membershipChanged };
  }

  /** @returns undefined: the slice is over; the same command is to be handed in again */
  #applyCommand(command: Command, work: Work): CommandResult | undefined {
    switch (command.type) {
      case 'raise-level':
      case 'publish':
      case 'change-address':
        work.charge();
        return this.#membersPart.apply(command, this.revision);
      default:
        return this.#keysPart.apply(command, work);
    }
  }

  /** Of the entry behind the applied one, what is done is in the state. */
  get unfinished(): boolean {
    return this.#backend.get('meta', unfinishedKey) !== undefined;
  }

  /** Of the entry under way, what is done goes to disk with its end alone: nothing may wait for that before it. */
  get boundToItsEnd(): boolean {
    return this.#run !== undefined && !this.#keysPart.unfinished;
  }

  /** Something that was compacted is left to remove. */
  get compactionPending(): boolean {
    return this.#keys.compactionPending;
  }

  /** A slice of removing it, in the background; to be followed by commit(). @returns changes it has looked at */
  compactSlice(work: Work): number {
    return this.#keys.compactSlice(work);
  }

  /** Ends a batch: what was applied becomes durable together, later. Of an entry under way only a part that says so. */
  commit(): void {
    if (this.#run !== undefined) {
      if (!this.#keysPart.unfinished) return;
      this.#backend.put('meta', unfinishedKey, new ByteWriter(8).varint(this.#run.at).finish());
      this.#run.saved = true;
    }
    this.#keysPart.save();
    this.#backend.commit(this.#applied);
  }

  /**
   * Over all that reads can see, and the members: equal on all members at one applied index. How far the
   * physical compaction has come is not part of it. Of an entry that is half applied, what is done of it is. Reads everything: for checks, not for requests.
   */
  hash(): number {
    return hashOf(this.#keys, this.#members, passedOverIn(this.#backend), crc32c);
  }
}

function changesMembership({ type }: CommandResult): boolean {
  return type === 'publish' || type === 'change-address' || type === 'raise-level';
}

function takesSlices(command: Command): boolean {
  return command.type === 'delete-range' && command.end !== undefined;
}

function notApplicable(entry: Entry, error: unknown): KvorumError {
  const why = error instanceof Error ? error.message : String(error);
  return new KvorumError(
    'ENTRY_NOT_APPLICABLE',
    `entry ${entry.index} of term ${entry.term} cannot be applied (${why}): see "kvorum recover" for what it is and the way past it`,
    { cause: error },
  );
}
