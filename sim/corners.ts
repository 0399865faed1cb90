import type { MemberOptions } from '../src/member/options.js';
import type { NetworkConditions } from '../src/peer/memory-network.js';

/** Rare moments that chance alone seldom comes to, see faults/corners.ts; each is also the kind of its fault. */
export const cornerKinds = [
  'corner-torn-catch-up',
  'corner-broken-transfer',
  'corner-late-lease',
  'corner-cut-and-killed',
  'corner-transfer-given-up',
  'corner-second-snapshot',
  'corner-stale-snapshot',
  'corner-lease-given',
] as const;
/** Those that came later: seeds are led there by a chance of their own. */
export const laterCornerKinds = [
  'corner-leaves-one',
  'corner-lease-restart',
  'corner-late-timeout-now',
  'corner-late-proposal',
] as const;
/** As laterCornerKinds, once more. */
export const latestCornerKinds = ['corner-slow-links'] as const;
/** Of seeds that are led to none of the others. */
export const lastCornerKinds = ['corner-vote-while-installing'] as const;
/** Of seeds that are led to none of those before. */
export const movingCornerKinds = ['corner-moves'] as const;
/** Of seeds that are led to none of those before. */
export const livenessCornerKinds = [
  'corner-distant-member',
  'corner-hung-leader',
  'corner-lost-proposals',
] as const;
/** Of seeds that are led to none of those before. */
export const streamCornerKinds = ['corner-snapshot-stream'] as const;
export const allCornerKinds = [
  ...cornerKinds,
  ...laterCornerKinds,
  ...latestCornerKinds,
  ...lastCornerKinds,
  ...movingCornerKinds,
  ...livenessCornerKinds,
  ...streamCornerKinds,
] as const;
export type CornerKind = (typeof allCornerKinds)[number];

/** What a run that is led to a corner is like; what is not said here is as the seed says. */
export interface Corner {
  readonly members: number;
  readonly heartbeatIntervalMs: number;
  /** One of them. */
  readonly leaseReads?: readonly boolean[];
  readonly options?: Partial<MemberOptions>;
  /** One of them, besides. */
  readonly optionChoices?: readonly Partial<MemberOptions>[];
  readonly segmentSizesBytes?: readonly number[];
  readonly network?: Partial<NetworkConditions>;
  readonly disk?: {
    readonly syncMsMin: number;
    readonly syncMsMax: number;
    readonly flushIntervalMsMin: number;
    readonly flushIntervalMsMax: number;
    readonly installMsMax?: number;
    readonly viewMsMax?: number;
  };
  readonly clients: {
    readonly count: number;
    readonly callsPerSecond: number;
    readonly valueSizeBytesMax: number;
  };
  readonly turnMsMax?: number;
  /** Clients who wait for their answers are at all members. */
  readonly probes?: boolean;
}

/** Of each run that is led to a corner. */
export const cornerDurationMs = 10_000;
/** The fault begins anew when it must have ended. */
export const cornerEveryMs = 5000;

/** No snapshot breaks off. */
const network = { lossProbability: 0 };
/** Members that were away for a moment need a snapshot. */
const shortLog = { logEntriesKept: 5 };
/** The state is soon on disk, so that the log can be cut. */
const quickDisk = { syncMsMin: 0, syncMsMax: 5, flushIntervalMsMin: 20, flushIntervalMsMax: 50 };

/** An answer, and the restart of a process, take much less than a tick. */
const quickAnswers: Corner = {
  members: 3,
  heartbeatIntervalMs: 50,
  leaseReads: [true],
  network: { ...network, latencyMsMin: 0.05, latencyMsMax: 1 },
  disk: quickDisk,
  clients: { count: 5, callsPerSecond: 20, valueSizeBytesMax: 50 },
};

/** Whoever waits is soon served where nothing is wrong. */
const watched: Corner = {
  members: 3,
  heartbeatIntervalMs: 20,
  network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
  disk: { syncMsMin: 0.1, syncMsMax: 5, flushIntervalMsMin: 20, flushIntervalMsMax: 50 },
  clients: { count: 5, callsPerSecond: 20, valueSizeBytesMax: 50 },
  probes: true,
};

export const corners: Readonly<Record<CornerKind, Corner>> = {
  // What was missed comes in one append, larger than a sector; no new segment comes in between.
  'corner-torn-catch-up': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: {
      logEntriesKept: 1000,
      logSizeBytesKept: 64 * 1024 * 1024,
      messageEntriesSizeBytesMax: 1024 * 1024,
    },
    segmentSizesBytes: [262_144],
    network,
    clients: { count: 10, callsPerSecond: 60, valueSizeBytesMax: 600 },
  },
  // Chunks are much smaller than rows; views are kept for less than the links may be broken, or hold little.
  'corner-broken-transfer': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: { ...shortLog, snapshotChunkSizeBytes: 200, snapshotKeptMs: 2000 },
    network: { ...network, latencyMsMin: 0.5, latencyMsMax: 3 },
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  // Without leases late answers are what matters: one to an earlier round must not confirm a read.
  'corner-late-lease': {
    members: 3,
    heartbeatIntervalMs: 20,
    leaseReads: [true, false],
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 1 },
    clients: { count: 5, callsPerSecond: 20, valueSizeBytesMax: 50 },
  },
  // While the state is flushed, several segments fill up.
  'corner-cut-and-killed': {
    members: 3,
    heartbeatIntervalMs: 50,
    // As many calls as there are fit only where many go into one entry.
    options: { ...shortLog, entrySizeBytesMax: 4 * 1024 * 1024 },
    segmentSizesBytes: [2048],
    network,
    disk: { syncMsMin: 0, syncMsMax: 30, flushIntervalMsMin: 100, flushIntervalMsMax: 500 },
    clients: { count: 20, callsPerSecond: 200, valueSizeBytesMax: 600 },
  },
  // A turn begins late enough for a tick to come in between.
  'corner-transfer-given-up': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: { proposalsWaitingMax: 16_384, requestTimeoutMs: 7000 },
    network,
    clients: { count: 20, callsPerSecond: 60, valueSizeBytesMax: 50 },
    turnMsMax: 2,
  },
  // A transfer takes longer than an election, and an installation longer than the wait between two offers.
  'corner-second-snapshot': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: { ...shortLog, snapshotChunkSizeBytes: 50 },
    network: { ...network, latencyMsMin: 0.5, latencyMsMax: 5 },
    disk: quickDisk,
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-stale-snapshot': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: { ...shortLog, snapshotChunkSizeBytes: 2000 },
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
    disk: quickDisk,
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-vote-while-installing': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: { ...shortLog, snapshotChunkSizeBytes: 256 * 1024 },
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
    disk: quickDisk,
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-lease-given': quickAnswers,
  // What waits takes longer than an election, and all of it less than there is.
  'corner-slow-links': {
    members: 3,
    heartbeatIntervalMs: 20,
    options: {
      ...{ proposalsWaitingMax: 16_384, uncommittedSizeBytesMax: 64 * 1024 * 1024 },
      ...{ inflightMessagesMax: 256, entriesInFlightMax: 4 },
    },
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2, messagePartSizeBytes: 200 },
    disk: quickDisk,
    clients: { count: 5, callsPerSecond: 2, valueSizeBytesMax: 4000 },
  },
  'corner-moves': {
    members: 3,
    heartbeatIntervalMs: 20,
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-leaves-one': {
    members: 2,
    heartbeatIntervalMs: 20,
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-lease-restart': quickAnswers,
  'corner-late-timeout-now': {
    members: 3,
    heartbeatIntervalMs: 50,
    leaseReads: [true, true, false],
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 1 },
    disk: quickDisk,
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-distant-member': watched,
  'corner-hung-leader': watched,
  'corner-lost-proposals': watched,
  // Two of five may be away. A transfer takes longer than an election, and more is written meanwhile than the log keeps.
  'corner-snapshot-stream': {
    members: 5,
    heartbeatIntervalMs: 20,
    options: {
      ...{ ...shortLog, logSizeBytesKept: 64 * 1024 * 1024, logMarkSizeBytes: 50 },
      ...{ snapshotChunkSizeBytes: 50, diskReserveSizeBytes: 20_000 },
    },
    optionChoices: [
      { snapshotViewsMax: 1, snapshotKeptMs: 600 },
      { snapshotViewsMax: 1, snapshotKeptMs: 2000 },
      { snapshotViewsMax: 2, snapshotKeptMs: 600 },
      { snapshotViewsMax: 2, snapshotKeptMs: 2000 },
      { snapshotViewsMax: 1, snapshotKeptMs: 2000, logSizeBytesMax: 4000 },
      { snapshotViewsMax: 2, snapshotKeptMs: 2000, logSizeBytesMax: 8000, snapshotGrowthSizeBytesMax: 8000 },
    ],
    segmentSizesBytes: [4096],
    network: { ...network, latencyMsMin: 1, latencyMsMax: 4 },
    disk: { ...quickDisk, installMsMax: 400, viewMsMax: 60 },
    clients: { count: 5, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
  'corner-late-proposal': {
    members: 3,
    heartbeatIntervalMs: 20,
    network: { ...network, latencyMsMin: 0.05, latencyMsMax: 2 },
    disk: quickDisk,
    clients: { count: 10, callsPerSecond: 60, valueSizeBytesMax: 50 },
  },
};
