import type { MemberOptions } from '../../src/member/options.js';
import type { NetworkConditions } from '../../src/peer/memory-network.js';
import type { DiskPlan } from '../disk-plan.js';

/** How long what a healthy member does may take, in true milliseconds. */
export interface LivenessBounds {
  /** Until it has a leader, where a majority is healthy. */
  readonly electionMs: number;
  /** Between two steps of one that lacks entries: it applies some, or has a snapshot in place, which takes more time. */
  readonly catchUpMs: number;
  /** From a call to its answer, or from one answer to the next where more calls wait. */
  readonly serveMs: number;
  /** From when it serves until its health says so. */
  readonly reportMs: number;
  /** So long its health may say that it serves while a call waits and none is answered. */
  readonly unableMs: number;
  /** The same, while its disk hangs. */
  readonly hungMs: number;
  /** From when its disk hangs until it does not lead any more. */
  readonly leaveOfficeMs: number;
  /** From when the time of a call is up, by the member's clock, until it ends. */
  readonly endMs: number;
  /** True milliseconds in one of the slowest clock. */
  readonly clockSlowness: number;
}

/** What a run is like, as far as it bears on how long things take. */
export interface Pace {
  readonly options: Pick<
    MemberOptions,
    'heartbeatIntervalMs' | 'electionTimeoutMs' | 'snapshotChunkSizeBytes' | 'snapshotViewsMax'
  >;
  readonly network: Pick<NetworkConditions, 'latencyMsMax' | 'lossProbability'>;
  readonly disk: DiskPlan;
  readonly turnMsMax: number;
  readonly driftMax: number;
}

/** As Pace, of what bears on snapshots. */
type TransferPace = Pick<Pace, 'network' | 'disk'> & {
  readonly options: Pick<MemberOptions, 'snapshotChunkSizeBytes' | 'snapshotViewsMax'>;
};

/** With those that nobody wins, of which each has less than half a chance. */
const electionsMax = 6;
/** An election begins after one to two time-outs. */
const timeoutsPerElection = 2;
/**
 * A proposal that was lost is sent again after 24 ticks, if it was lost again and again; a round of reads after 5; what a
 * follower lacks after the next heartbeat and its answer.
 */
const retryTicks = 28;
/** As retryTicks, where any message may be lost again: ten times in a row. */
const retryTicksLossy = 200;
/** A write at a follower: to the leader, to the others, back, and the news of its commit; twice, for a leader may step in. */
const hops = 8;
/** Operations of the disk for one write of the log, with a new segment; each may be late before and behind. */
const operationsPerLogWrite = 4;
/** The leader's, then a follower's; each behind the one that was under way. */
const logWritesInTurn = 4;
/** The ticks at which things are noticed fall anywhere. */
const phaseTicks = 6;

/**
 * Each chunk of a snapshot has an answer of its own, and waits for the disk; then the state is put in place, maybe twice.
 * Members that cannot be brought it at a time wait for each other.
 *
 * @param stateSizeBytes of the largest state by now
 * @param receivers that may need it at once
 */
export function snapshotMsMax(
  { network, disk, options }: TransferPace,
  stateSizeBytes: number,
  receivers: number,
): number {
  const { writeDelayProbability, reportDelayProbability, syncMsMax } = disk;
  const chunks = stateSizeBytes / options.snapshotChunkSizeBytes;
  const writeMs = (writeDelayProbability + reportDelayProbability) * Math.max(1, syncMsMax);
  const chunkMs = 2 * network.latencyMsMax + writeMs;
  const waves = Math.ceil(receivers / options.snapshotViewsMax);
  return waves * (Math.ceil(chunks * chunkMs) + 2 * disk.installMsMax + disk.viewMsMax);
}

/**
 * From what the run's options, links, disks and clocks make of the steps that there are. All that is waited for is added
 * up, at its slowest: no run that does what it should comes near, and whatever is stuck for seconds goes past.
 */
export function livenessBounds(pace: Pace): LivenessBounds {
  const { options, network, disk, turnMsMax, driftMax } = pace;
  const clockSlowness = 1 / (1 - driftMax);
  const tickMs = options.heartbeatIntervalMs * clockSlowness + turnMsMax;
  const timeoutMs = options.electionTimeoutMs * clockSlowness;
  const isLossy = network.lossProbability > 0;
  const operationMs = 2 * Math.max(1, disk.syncMsMax);
  const logWriteMs = operationsPerLogWrite * operationMs;
  // Where too much of the state waits for the disk, nothing is applied before the next flush but one.
  const flushMs = 2 * (disk.flushIntervalMsMax * clockSlowness + 3 * operationMs);
  const serveMs =
    (isLossy ? retryTicksLossy : retryTicks) * tickMs +
    hops * (network.latencyMsMax + turnMsMax) +
    logWritesInTurn * logWriteMs +
    flushMs;
  const electionMs = electionsMax * (timeoutsPerElection * timeoutMs + logWriteMs + 4 * network.latencyMsMax);
  return {
    electionMs,
    catchUpMs: serveMs + timeoutsPerElection * timeoutMs,
    serveMs,
    reportMs: phaseTicks * tickMs,
    // As it says itself: an election time-out without an answer is too long.
    unableMs: timeoutMs + phaseTicks * tickMs,
    hungMs: timeoutMs + phaseTicks * tickMs,
    // Noticed, then handed over, then given up.
    leaveOfficeMs: 3 * timeoutMs + phaseTicks * tickMs,
    endMs: phaseTicks * tickMs,
    clockSlowness,
  };
}
