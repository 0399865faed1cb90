import type { ClusterConfig } from '../src/raft/types.js';
import type { Cluster } from './cluster.js';
import type { Machine } from './machine.js';

/** The configurations that may be, or become, the one that counts: those in the logs of all that can still run. */
export function possibleConfigs(cluster: Cluster): ClusterConfig[] {
  return cluster.machines.flatMap((machine) => machine.configs());
}

/** Whether the machines that `counts` accepts are a majority in every configuration that may count. */
export function holdMajority(cluster: Cluster, counts: (machine: Machine) => boolean): boolean {
  const ids = new Set(cluster.machines.filter(counts).map((each) => each.id));
  return possibleConfigs(cluster).every(({ voters }) => {
    const held = voters.filter((id) => ids.has(id)).length;
    return voters.length === 0 || held > voters.length / 2;
  });
}

/** Holds all that it ever said was durable, as far as is known, and can start with it. */
export function isSound(machine: Machine): boolean {
  return !machine.gone && !machine.rottenLog && !machine.rottenHeader && !machine.backend.holdsRot;
}

/**
 * Whether `victim` may lose what it has: a minority may, for good (DESIGN: durability). While a removal is under
 * way nothing may, for the majority of what it leads to is not known.
 */
export function mayLoseOne(cluster: Cluster, victim: Machine): boolean {
  if (cluster.removals > 0) return false;
  return holdMajority(cluster, (machine) => machine !== victim && isSound(machine));
}
