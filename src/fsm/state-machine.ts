import { assert } from '../base/assert.js';
import { crc32c } from '../base/crc32c.js';
import { KvorumError } from '../base/errors.js';
import { knownLevels, type FeatureLevel, type LevelRange } from '../base/feature-levels.js';
import type { ClusterId, Index, MemberId, Revision } from '../base/ids.js';
import type { AppliedPosition, Backend } from '../ports/backend.js';
import { DiskError } from '../ports/disk.js';
import type { ClusterConfig, Entry } from '../raft/types.js';
import type { Command, CommandResult } from './command.js';
import { decodeCommandBatch } from './command-codec.js';
import { hashOf } from './hash.js';
import { MemberTable } from './members/member-table.js';
import type { MemberRecord } from './members/membership.js';
import { KeySpace } from './keys/key-space.js';
import { defaultSizes, type RevisionLogSizes } from './keys/revision-log.js';
import { markPassedOver, passedOverIn, PassedOverEntries, type PassedOver } from './passed-over.js';
import type { RangeAnswer, RangeQuery } from './range.js';

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
  readonly #members: MemberTable;
  readonly #passedOver: PassedOverEntries;
  #applied: AppliedPosition;

  /**
   * Goes on with what the backend holds.
   * @param passedOver entries that are taken for empty ones
   * @param known the feature levels of this version
   * @throws KvorumError VERSION_MISMATCH
   */
  constructor(
    backend: Backend,
    sizes: RevisionLogSizes = defaultSizes,
    passedOver: readonly PassedOver[] = [],
    known: LevelRange = knownLevels,
  ) {
    this.#backend = backend;
    this.#passedOver = new PassedOverEntries(passedOver);
    // First: it finds out whether this version can read the rest.
    this.#members = new MemberTable(backend, known);
    this.#keys = new KeySpace(backend, sizes);
    this.#applied = backend.applied;
  }

  /** Writes a new cluster's first state to an empty backend, as of `position`. */
  static initialise(
    backend: Backend,
    initial: InitialState,
    position: AppliedPosition,
    sizes: RevisionLogSizes = defaultSizes,
    known: LevelRange = knownLevels,
  ): StateMachine {
    assert(backend.applied.index === 0, 'only an empty backend is initialised');
    const machine = new StateMachine(backend, sizes, [], known);
    machine.#members.initialise(initial);
    machine.#applied = position;
    machine.commit();
    return machine;
  }

  /** A snapshot was installed below: forgets what was read before. */
  reload(): void {
    this.#members.reload();
    this.#keys.reload();
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
  range(query: RangeQuery): RangeAnswer {
    return this.#keys.range(query);
  }

  /** Whether the entry is taken for an empty one. */
  passesOver(entry: Entry): boolean {
    return this.#passedOver.has(entry);
  }

  /**
   * @throws KvorumError ENTRY_NOT_APPLICABLE: a part of it may be applied, nothing may be committed any more, and the
   * member must stop; VERSION_MISMATCH: likewise, the cluster goes on without this version; DATA_DAMAGED for what the state holds
   */
  apply(entry: Entry): AppliedEntry {
    assert(entry.index === this.#applied.index + 1, `entry ${entry.index} follows ${this.#applied.index}`);
    try {
      return this.#apply(entry);
    } catch (error) {
      if (error instanceof KvorumError || error instanceof DiskError) throw error;
      throw notApplicable(entry, error);
    }
  }

  #apply(entry: Entry): AppliedEntry {
    this.#applied = { index: entry.index, term: entry.term };
    this.#keys.compactStep();
    if (this.#passedOver.has(entry)) return this.#passOver(entry);
    switch (entry.type) {
      case 'empty':
        return { membershipChanged: false };
      case 'config':
        this.#members.applyConfigEntry(entry.index, entry.data);
        return { membershipChanged: true };
      case 'normal':
        return this.#applyBatch(entry.data);
    }
  }

  /** Who takes part was decided when the entry entered the log: only what it says of the member table is left out. */
  #passOver(entry: Entry): AppliedEntry {
    markPassedOver(this.#backend, entry);
    if (entry.type !== 'config') return { membershipChanged: false };
    this.#members.applyConfiguration(entry.index, entry.data);
    return { membershipChanged: true };
  }

  #applyBatch(data: Uint8Array): AppliedEntry {
    const { proposer, sequence, commands } = decodeCommandBatch(data);
    const results: CommandResult[] = [];
    let membershipChanged = false;
    for (const command of commands) {
      const result = this.#applyCommand(command);
      results.push(result);
      membershipChanged ||=
        result.type === 'publish' || result.type === 'change-address' || result.type === 'raise-level';
    }
    return { batch: { proposer, sequence, results }, membershipChanged };
  }

  #applyCommand(command: Command): CommandResult {
    switch (command.type) {
      case 'put': {
        const { key, value, lease } = command;
        const unexpected = this.#compare(command);
        if (unexpected !== undefined) return unexpected;
        const previous = this.#keys.write((txn) => txn.put(key, value, lease, command.previous));
        return { type: 'put', revision: this.revision, previous };
      }
      case 'delete-range': {
        const { key, end } = command;
        const unexpected = this.#compare(command);
        if (unexpected !== undefined) return unexpected;
        const deleted = this.#keys.write((txn) => {
          if (end !== undefined) return txn.deleteRange(key, end);
          const one = txn.delete(key);
          return one === undefined ? [] : [one];
        });
        const previous = command.previous ? deleted : [];
        return { type: 'delete-range', revision: this.revision, deletedCount: deleted.length, previous };
      }
      case 'compact': {
        const code = this.#keys.compact(command.revision);
        if (code === undefined) return { type: 'compact', revision: this.revision };
        const message = `cannot compact to revision ${command.revision}: the store is at ${this.revision}, compacted to ${this.compactRevision}`;
        return { type: 'refused', revision: this.revision, code, message };
      }
      case 'raise-level':
        return {
          type: 'raise-level',
          revision: this.revision,
          level: this.#members.raiseLevel(command.level),
        };
      case 'publish':
      case 'change-address':
        return this.#applyToMember(command);
    }
  }

  /** @returns the result if the write must not happen */
  #compare(write: Extract<Command, { type: 'put' | 'delete-range' }>): CommandResult | undefined {
    const { key, expectedModRevision: expected } = write;
    if (expected === undefined) return undefined;
    const { items, revision } = this.#keys.range({ key, revision: 0, limit: 1, keysOnly: true });
    const modRevision = items[0]?.modRevision ?? 0;
    return modRevision === expected ? undefined : { type: 'not-expected', revision, modRevision };
  }

  #applyToMember(command: Extract<Command, { type: 'publish' | 'change-address' }>): CommandResult {
    const { revision } = this;
    const record = this.#members.find(command.id);
    if (record === undefined) {
      return { type: 'refused', revision, code: 'MEMBER_NOT_FOUND', message: 'no member has this id' };
    }
    if (command.type === 'publish') {
      this.#members.update({
        ...record,
        name: command.name,
        clientAddress: command.clientAddress,
        levels: command.levels,
      });
      return { type: 'publish', revision };
    }
    const holder = this.members().find((each) => each.peerAddress === command.peerAddress);
    if (holder !== undefined && holder.id !== command.id) {
      const message = `raft address ${command.peerAddress} is taken by member ${holder.name}`;
      return { type: 'refused', revision, code: 'MEMBER_ADDRESS_TAKEN', message };
    }
    this.#members.update({ ...record, peerAddress: command.peerAddress });
    return { type: 'change-address', revision };
  }

  /** Ends a batch: what was applied becomes durable together, later. */
  commit(): void {
    this.#keys.save();
    this.#backend.commit(this.#applied);
  }

  /**
   * Over all that reads can see, and the members: equal on all members at one applied index. How far the
   * physical compaction has come is not part of it. Reads everything: for checks, not for requests.
   */
  hash(): number {
    return hashOf(this.#keys, this.#members, passedOverIn(this.#backend), crc32c);
  }
}

function notApplicable(entry: Entry, error: unknown): KvorumError {
  const why = error instanceof Error ? error.message : String(error);
  return new KvorumError(
    'ENTRY_NOT_APPLICABLE',
    `entry ${entry.index} of term ${entry.term} cannot be applied (${why}): see "kvorum recover" for what it is and the way past it`,
    { cause: error },
  );
}
