import type { Cluster } from './cluster.js';
import type { Receiving, Sending } from './gated-peers.js';
import type { Machine } from './machine.js';
import type { Process } from './process.js';
import { SnapshotConduct } from './snapshot-conduct.js';

export function snapshotConduct(cluster: Cluster): SnapshotConduct {
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
  { options, snapshots }: Cluster,
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
