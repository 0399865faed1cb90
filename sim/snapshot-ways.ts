import type { MemberOptions } from '../src/member/options.js';
import type { Clock } from '../src/ports/clock.js';
import type { Receiving, Sending } from './gated-peers.js';
import type { Machine } from './machine.js';
import type { Process } from './process.js';
import { SnapshotConduct } from './snapshot-conduct.js';

/** What is needed of a cluster. */
interface Surroundings {
  readonly options: MemberOptions;
  readonly plan: { readonly driftMax: number };
  readonly clock: Clock;
  fail(error: unknown): void;
}

export function snapshotConduct(cluster: Surroundings): SnapshotConduct {
  const { options, plan, clock } = cluster;
  return new SnapshotConduct({
    options,
    driftMax: plan.driftMax,
    nowMs: () => clock.monotonicMs(),
    fail: (error) => cluster.fail(error),
  });
}

/** What is done to the snapshots of one process on their way, and who is told of them. */
export function snapshotWays(
  { options, snapshots }: { readonly options: MemberOptions; readonly snapshots: SnapshotConduct },
  machine: Machine,
  process: Process,
): { readonly sending: Sending; readonly receiving: Receiving } {
  return {
    sending: {
      keptMs: options.snapshotKeptMs,
      viewCount: () => machine.backend.viewCount,
      rotsChunk: () => machine.rotsChunk(),
      rotsEnd: () => machine.rotsEnd(),
      attempt: (to, offer) => snapshots.attempt(machine, process, to, offer),
    },
    receiving: {
      leader: () => machine.parts.raft.leader,
      taken: (from, leader) => snapshots.taken(machine, process, from, leader),
      broken: () => snapshots.arrivals.broken(machine, process),
    },
  };
}
