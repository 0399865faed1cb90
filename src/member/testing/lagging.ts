import assert from 'node:assert/strict';
import type { IncomingSnapshot, SnapshotChunk } from '../../ports/peers.js';
import type { MemberOptions } from '../options.js';
import { put } from './key-values.js';
import { MemoryCluster, type Machine } from './memory-cluster.js';

/** Lines that say `what`, of any member. */
export function count({ events }: MemoryCluster, what: string): number {
  return events.filter((event) => event.includes(what)).length;
}

/** Of snapshots, by any member. */
export function installations(cluster: MemoryCluster): number {
  return count(cluster, 'snapshot installed');
}

export interface Lag {
  readonly cluster: MemoryCluster;
  readonly leader: Machine;
  readonly other: Machine;
  readonly away: Machine;
}

/** Of three, one is away, and needs a snapshot of a state of some 80,000 bytes when it comes back. */
export async function lagging(seed: number, options: Partial<MemberOptions> = {}): Promise<Lag> {
  const cluster = await MemoryCluster.of(3, seed, {
    ...{ logEntriesKept: 20, snapshotChunkSizeBytes: 1000, diskReserveSizeBytes: 0 },
    ...options,
  });
  const [away, other] = cluster.followers() as [Machine, Machine];
  const leader = cluster.leaderMachine();
  cluster.crash(away);
  await write(cluster, 40);
  return { cluster, leader, other, away };
}

export async function write(cluster: MemoryCluster, times: number): Promise<void> {
  for (let at = 0; at < times; at++)
    await cluster.settled(put(cluster.leader()!, `k${at}`, 'x'.repeat(1000)));
}

export async function caughtUp({ cluster, away }: Lag): Promise<void> {
  await cluster.until(
    () => away.running && away.member.status().appliedIndex === cluster.leader()?.status().commitIndex,
    60_000,
  );
  assert.equal(away.member.hash(), cluster.leader()!.hash());
}

/** What arrives at the machine passes `write` first. */
export function watchArrival(
  { cluster, away }: Lag,
  write: (incoming: IncomingSnapshot, chunk: SnapshotChunk) => Promise<void>,
): void {
  const station = cluster.network.at(away.address)!;
  const offered = station.offered.bind(station);
  station.offered = async (from, to, offer) => {
    const incoming = await offered(from, to, offer);
    return incoming && { ...incoming, write: (chunk) => write(incoming, chunk) };
  };
}
