import type { Completion } from '../base/completion.js';
import type { FeatureLevel, LevelRange } from '../base/feature-levels.js';
import type { ClusterId, Index, MemberId, Revision, Term } from '../base/ids.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { KeyRangeQuery, RangeAnswer, RangeQuery } from '../fsm/range.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import type { Role } from '../raft/types.js';
import type { Reach } from './reachability.js';
import type { Progress } from './transfer-progress.js';

export type { KeyRangeQuery, RangeAnswer, RangeQuery };

/** How long and how a caller waits. Both are honoured while the call waits in the member. */
export interface CallOptions {
  /** Cancels the wait; a write already handed to Raft may still take effect (code CANCELLED). */
  readonly signal?: AbortSignal | undefined;
  /** Why the caller has gone. Who has this, even undefined, is asked for no signal: one for each call costs time. */
  readonly cutShort?: Error | undefined;
  /** Milliseconds from now; the member's own request time-out applies if it is shorter or this is absent. */
  readonly timeoutMs?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Takes this member's own, maybe older, state. */
  readonly serializable?: boolean;
  /** Told how many more bytes of keys and values a range that goes on holds for its caller. */
  readonly gathered?: ((sizeBytes: number) => void) | undefined;
}

export interface MemberStatus {
  readonly clusterId: ClusterId;
  readonly id: MemberId;
  readonly name: string;
  readonly version: string;
  readonly role: Role;
  readonly learner: boolean;
  /** noMember if unknown. */
  readonly leader: MemberId;
  readonly term: Term;
  readonly lastIndex: Index;
  readonly commitIndex: Index;
  readonly appliedIndex: Index;
  readonly flushedIndex: Index;
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** Of the cluster, as of what is applied here. */
  readonly featureLevel: FeatureLevel;
  /** What this member makes known that it can live with. */
  readonly levels: LevelRange;
  readonly databaseSizeBytes: number;
  /** On disk. */
  readonly logSizeBytes: number;
  /** Of its entries in memory. */
  readonly logMemorySizeBytes: number;
}

/** What a member knows of another one. */
export interface PeerStatus {
  readonly id: MemberId;
  readonly name: string;
  readonly peerAddress: string;
  readonly voter: boolean;
  readonly levels: LevelRange;
  /** Undefined: not known yet. */
  readonly reach: Reach | undefined;
  /** The newest entry that is known to be in its log; undefined where this member does not lead. */
  readonly matchIndex: Index | undefined;
  /** Of the snapshot that this member brings it; undefined: none. */
  readonly snapshot: Progress | undefined;
  /** Why nothing of that gets there; empty: it does, or there is none. */
  readonly snapshotFailure: string;
}

/** A member of the table, with its part in consensus. */
export interface MemberView extends MemberRecord {
  readonly voter: boolean;
  readonly leader: boolean;
}

export interface JoinRequest {
  readonly name: string;
  readonly peerAddress: string;
  /** The feature levels that it can live with; undefined: the first alone. */
  readonly levels?: LevelRange;
  /** Chosen by the joining member and kept in its data folder; 0n: chosen here. */
  readonly id: MemberId;
}

export interface JoinAnswer {
  readonly clusterId: ClusterId;
  readonly id: MemberId;
  readonly members: readonly MemberRecord[];
  /** Of the cluster: for the one that joins, and for no log. Empty for a member that has been up already. */
  readonly secret: Uint8Array;
}

/** What the services stand on. All calls may be made at any member; rejects with KvorumError. */
export interface Member {
  /** Replicates and applies. Resolves when applied here. */
  write(command: Command, options?: CallOptions): Promise<CommandResult>;
  /** As `write`, without a promise. */
  startWrite(command: Command, options: CallOptions | undefined, completion: Completion<CommandResult>): void;
  /** Several commands that enter the log together, in order, in one entry; not a transaction. */
  writeAll(commands: readonly Command[], options?: CallOptions): Promise<readonly CommandResult[]>;
  /**
   * Linearizable, unless `serializable` allows the local, maybe older, state. A range is read in slices, and is as of one
   * revision; LIMIT_EXCEEDED where too many are.
   */
  range(query: RangeQuery, options?: ReadOptions): Promise<RangeAnswer>;
  /** As `range`, without a promise. */
  startRange(
    query: KeyRangeQuery,
    options: ReadOptions | undefined,
    completion: Completion<RangeAnswer>,
  ): void;
  /** Resolves when this member's state holds everything acknowledged before the call. */
  readBarrier(options?: CallOptions): Promise<void>;
  /** As `readBarrier`, without a promise. */
  startReadBarrier(options: CallOptions | undefined, completion: Completion<void>): void;
  /** Reads a single key from the local state as it is now. @throws KvorumError MEMBER_STOPPING: it may be closed */
  rangeLocal(query: RangeQuery): RangeAnswer;

  /**
   * What asks for something new asks this first.
   * @param what for example `a lease`
   * @throws KvorumError FEATURE_NOT_ENABLED
   */
  requireLevel(needed: FeatureLevel, what: string): void;
  status(): MemberStatus;
  /** The others, as this member's own state knows them. */
  peers(): readonly PeerStatus[];
  /** Linearizable, unless `serializable` allows the local, maybe older, table. */
  members(options?: ReadOptions): Promise<readonly MemberView[]>;
  join(request: JoinRequest, options?: CallOptions): Promise<JoinAnswer>;
  removeMember(id: MemberId, options?: CallOptions): Promise<void>;
  promoteMember(id: MemberId, options?: CallOptions): Promise<void>;
  changeMemberAddress(id: MemberId, peerAddress: string, options?: CallOptions): Promise<void>;
  /** `target` noMember: the most caught-up voter. Resolves with the new leader when it leads. */
  transferLeadership(target: MemberId, options?: CallOptions): Promise<MemberId>;
}
