import { sliceUnits } from '../base/work.js';
import { stateDefaults, type StateLimits } from '../fsm/keys/limits.js';

/** Named settings and limits of one member. Times in milliseconds, sizes in bytes. */
export interface MemberOptions extends StateLimits {
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  /** Serve reads at the leader under its lease, without a round; trusts clocks to run at like speed. */
  readonly leaseReads: boolean;
  /** How long a call waits in the member at most. */
  readonly requestTimeoutMs: number;
  /** Calls that wait for consensus; one more is refused with LIMIT_EXCEEDED. */
  readonly proposalsWaitingMax: number;
  readonly readsWaitingMax: number;
  /** Ranges that are being read, or wait to be. */
  readonly rangeReadsMax: number;
  /** Work of one slice of such a read (base/work.ts); the loop is held up for so long. */
  readonly readSliceUnits: number;
  /** Bytes of the commands that go into one Raft entry. */
  readonly entrySizeBytesMax: number;
  /** So many, too; a call that brings more is refused. */
  readonly entryCommandsMax: number;
  /** Entries of this member that are on their way; what comes meanwhile gathers into the next. */
  readonly entriesInFlightMax: number;
  /** Bytes of entries appended at the leader and not yet committed and applied; of committed ones not yet applied elsewhere. */
  readonly uncommittedSizeBytesMax: number;
  /** Bytes of the state that are applied and not yet on disk; with more, nothing is applied until some are. */
  readonly stateBacklogSizeBytesMax: number;
  /** Bytes of entries in one append message, of unacknowledged appends per follower, and applied per turn. */
  readonly messageEntriesSizeBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightSizeBytesMax: number;
  /** Reads that wait in Raft, and proposals that it remembers: as of RaftOptions. */
  readonly raftReadsMax: number;
  readonly proposalsRemembered: number;
  readonly committedSizeBytesMax: number;
  /** Units of work (base/work.ts) after which a turn applies no more. */
  readonly applyUnitsMax: number;
  /** Of one slice of the background compaction. */
  readonly compactionUnitsMax: number;
  /** What was overwritten or deleted longer ago than this is forgotten; 0: nothing for its age. */
  readonly compactionAgeMs: number;
  /** So many of the newest revisions are kept, what is older is forgotten; 0: nothing for its number. */
  readonly compactionRevisions: number;
  /** What the log keeps behind the applied index for followers that lag. */
  readonly logEntriesKept: number;
  readonly logSizeBytesKept: number;
  /** Of what is applied, so much stays in memory; what is older is read from disk when a follower lacks it. */
  readonly logMemorySizeBytes: number;
  /** Of what is applied the log keeps no more, whoever would need it: a follower that lags further gets a snapshot. */
  readonly logSizeBytesMax: number;
  /** Appended bytes between two marks; the size that is kept is counted to this precision. */
  readonly logMarkSizeBytes: number;
  /** Bytes of rows in one piece of a snapshot, at most chunkSizeBytesMax of peer/snapshot-frames.ts. */
  readonly snapshotChunkSizeBytes: number;
  /** Views of the state that are held open for members that are brought it; one more waits until one of them ends. */
  readonly snapshotViewsMax: number;
  /** So long a view, and what has arrived of it, are kept for a transfer that broke off. */
  readonly snapshotKeptMs: number;
  /** So long the other end of a transfer may take nothing, though it says that it is there; while it makes all of it durable, any time. */
  readonly snapshotStallMs: number;
  /** A view that keeps more bytes on disk from being used again is given up, and the transfer begins anew. */
  readonly snapshotGrowthSizeBytesMax: number;
  /** Free disk that is left to the log: what is written for others stops before. */
  readonly diskReserveSizeBytes: number;
  /** A learner is promoted when it is at most this many entries behind, or takes all in an election time-out. */
  readonly promotionLagEntriesMax: number;
}

export const memberDefaults: MemberOptions = {
  ...stateDefaults,
  heartbeatIntervalMs: 100,
  electionTimeoutMs: 1000,
  leaseReads: false,
  requestTimeoutMs: 7000,
  proposalsWaitingMax: 16_384,
  readsWaitingMax: 65_536,
  rangeReadsMax: 1024,
  readSliceUnits: sliceUnits,
  entrySizeBytesMax: 256 * 1024,
  entryCommandsMax: 4096,
  entriesInFlightMax: 4,
  uncommittedSizeBytesMax: 64 * 1024 * 1024,
  stateBacklogSizeBytesMax: 64 * 1024 * 1024,
  messageEntriesSizeBytesMax: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightSizeBytesMax: 16 * 1024 * 1024,
  raftReadsMax: 16_384,
  proposalsRemembered: 32,
  committedSizeBytesMax: 8 * 1024 * 1024,
  applyUnitsMax: 2048,
  compactionUnitsMax: sliceUnits,
  compactionAgeMs: 3600_000,
  compactionRevisions: 0,
  logEntriesKept: 10_000,
  logSizeBytesKept: 64 * 1024 * 1024,
  logMemorySizeBytes: 16 * 1024 * 1024,
  logSizeBytesMax: 4 * 1024 * 1024 * 1024,
  logMarkSizeBytes: 1024 * 1024,
  snapshotChunkSizeBytes: 256 * 1024,
  snapshotViewsMax: 3,
  snapshotKeptMs: 300_000,
  snapshotStallMs: 300_000,
  snapshotGrowthSizeBytesMax: 1024 * 1024 * 1024,
  diskReserveSizeBytes: 64 * 1024 * 1024,
  promotionLagEntriesMax: 16,
};
