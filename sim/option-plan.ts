import type { MemberOptions } from '../src/member/options.js';

type Draw = <T>(knob: string, values: readonly T[]) => T;

/** Bounds of one member, most of them small enough to be come to many times in a run. */
export function drawOptions(pick: Draw): Partial<MemberOptions> {
  return {
    requestTimeoutMs: pick('request timeout', [1000, 3000, 7000]),
    proposalsWaitingMax: pick('proposals', [2, 16_384, 16_384]),
    readsWaitingMax: pick('reads', [2, 65_536, 65_536]),
    // Small, for ranges are short: most take several turns, with writes in between.
    readSliceUnits: pick('read slices', [1, 5, 400]),
    entrySizeBytesMax: pick('entry size', [100, 4 * 1024 * 1024]),
    logEntriesKept: pick('log entries', [5, 20, 100, 1000]),
    logSizeBytesKept: pick('log size', [4096, 64 * 1024 * 1024]),
    entriesInFlightMax: pick('entries in flight', [1, 4]),
    messageEntriesSizeBytesMax: pick('message size', [256, 4096, 1024 * 1024]),
    inflightMessagesMax: pick('inflight messages', [2, 16, 256]),
    uncommittedSizeBytesMax: pick('uncommitted size', [2000, 64 * 1024 * 1024]),
    // Small, for several of them are filled and removed in one run.
    revisionSegmentSizeBytesMax: pick('revision segments', [200, 1000, 16_364]),
    committedSizeBytesMax: pick('committed size', [1, 500, 8 * 1024 * 1024]),
    applyUnitsMax: pick('apply units', [1, 20, 512]),
    compactionUnitsMax: pick('compaction units', [1, 20, 400]),
    promotionLagEntriesMax: pick('promotion lag', [0, 16]),
  };
}

/** Bounds that runs were without at first: half of them still are. */
export function drawLaterOptions(pick: Draw): Partial<MemberOptions> {
  if (pick('later bounds', [true, false])) return {};
  return {
    rangeReadsMax: pick('range reads', [1, 3, 1024]),
    entryCommandsMax: pick('entry commands', [6, 20, 4096]),
    inflightSizeBytesMax: pick('inflight size', [100, 2000, 16 * 1024 * 1024]),
    raftReadsMax: pick('raft reads', [2, 10, 16_384]),
    proposalsRemembered: pick('proposals remembered', [1, 4, 32]),
    logMarkSizeBytes: pick('log marks', [50, 1000, 1024 * 1024]),
    logMemorySizeBytes: pick('log memory', [0, 500, 16 * 1024 * 1024]),
    versionsPerEntry: pick('versions per entry', [2, 5, 64]),
    previousSizeBytesMax: pick('previous size', [0, 50, 16 * 1024 * 1024]),
    segmentsHeldMax: pick('segments held', [1, 3, 512]),
    pinnedRevisionsMax: pick('pinned revisions', [1, 3, 4096]),
    smallEntryCommandsMax: pick('small entries', [0, 2, 64]),
    entriesWalkedMax: pick('entries walked', [1, 4]),
    pastValueSizeBytesMax: pick('past values', [0, 10, 4096]),
  };
}

/** Of snapshots on their way. */
export function drawTransferOptions(pick: Draw): Partial<MemberOptions> {
  return {
    snapshotViewsMax: pick('snapshot views', [1, 3]),
    snapshotKeptMs: pick('snapshots kept', [200, 300_000]),
    diskReserveSizeBytes: pick('disk reserve', [500, 3000]),
  };
}

/** What a run writes while a snapshot is on its way, as far as it is known before. */
export interface StreamPace {
  /** At most, until the last of those that may need one has it. */
  readonly transferMs: number;
  readonly stateBytesPerMs: number;
  readonly logBytesPerMs: number;
}

/** Between two attempts, at least, and until it is known that one is needed. */
const retryMs = 700;
/** By chance a transfer takes no longer, and no more is written meanwhile: it would begin anew for ever. */
const streamMargin = 3;

/**
 * What a snapshot on its way may keep on the disk, of the state and of the log: what is written while it waits for a link
 * crosses that, and what is written while nothing keeps it from arriving does not.
 */
export function drawStreamBounds(
  pick: Draw,
  { transferMs, stateBytesPerMs, logBytesPerMs }: StreamPace,
): Partial<MemberOptions> {
  const writtenMs = streamMargin * (transferMs + retryMs);
  return {
    snapshotGrowthSizeBytesMax: Math.max(
      pick('snapshot growth', [1000, 10_000, 100_000]),
      Math.ceil(writtenMs * stateBytesPerMs),
    ),
    logSizeBytesMax: Math.max(
      pick('whole log size', [1000, 10_000, 100_000]),
      Math.ceil(writtenMs * logBytesPerMs),
    ),
    logMarkSizeBytes: pick('stream log marks', [50, 1000]),
    logMemorySizeBytes: pick('stream log memory', [0, 500, 16 * 1024 * 1024]),
  };
}

/**
 * One call to an entry, and one entry on its way to each: more is asked for than fits. What waits is bounded then, or no
 * call of those that end the run would ever be served.
 */
export function boundBacklog(options: Partial<MemberOptions>): Partial<MemberOptions> {
  const { entrySizeBytesMax, inflightSizeBytesMax } = options;
  const isOverloaded = entrySizeBytesMax === 100 && inflightSizeBytesMax === 100;
  return isOverloaded ? { ...options, uncommittedSizeBytesMax: 2000 } : options;
}

/** Which of the past is forgotten by itself; few runs are long enough for the default. */
export function drawPolicy(
  pick: Draw,
): Partial<Pick<MemberOptions, 'compactionAgeMs' | 'compactionRevisions'>> {
  return pick('compaction policy', [
    {},
    {},
    {},
    {},
    { compactionAgeMs: 300 },
    { compactionAgeMs: 3000 },
    { compactionAgeMs: 0, compactionRevisions: 5 },
    { compactionAgeMs: 0, compactionRevisions: 100 },
    { compactionAgeMs: 1500, compactionRevisions: 40 },
  ]);
}
