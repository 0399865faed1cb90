import type { MemberId } from '../src/base/ids.js';
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

/** Holds all that it ever said was durable, will go on to, as far as is known, and can start with it. */
export function isSound(machine: Machine): boolean {
  const { gone, forgetful, rottenLog, rottenHeader, backend } = machine;
  return !gone && !forgetful && !rottenLog && !rottenHeader && !backend.holdsRot;
}

/**
 * Whether `victim` may lose what it has: a minority may, for good. While a removal is under way nothing may, for the
 * majority of what it leads to is not known. A learner that is lost may be made a voter yet: its last
 * acknowledgements may be on their way.
 */
export function mayLoseOne(cluster: Cluster, victim: Machine): boolean {
  if (cluster.removals > 0) return false;
  const lost = new Set<MemberId>();
  for (const machine of cluster.machines) if (machine === victim || !isSound(machine)) lost.add(machine.id);
  return possibleConfigs(cluster).every(({ voters, learners }) => {
    const held = voters.filter((id) => !lost.has(id)).length;
    const mayCount = voters.length + learners.filter((id) => lost.has(id)).length;
    return mayCount === 0 || held > mayCount / 2;
  });
}
