import type { ClusterConfig } from '../src/raft/types.js';
import type { Machine } from './machine.js';

interface Machines {
  readonly machines: readonly Machine[];
}

/** The configurations that may be, or become, the one that counts: those in the logs of all that can still run. */
export function possibleConfigs(cluster: Machines): ClusterConfig[] {
  return cluster.machines.flatMap((machine) => machine.configs());
}

/**
 * Whether the machines that `counts` accepts are a majority in every configuration that may count, even where learners
 * that `mayVote` accepts become voters.
 */
export function holdMajority(
  cluster: Machines,
  counts: (machine: Machine) => boolean,
  mayVote: (machine: Machine) => boolean = () => false,
): boolean {
  const ids = new Set(cluster.machines.filter(counts).map((each) => each.id));
  const promoted = new Set(cluster.machines.filter(mayVote).map((each) => each.id));
  return possibleConfigs(cluster).every(({ voters, learners }) => {
    const all = [...voters, ...learners.filter((id) => promoted.has(id))];
    const held = all.filter((id) => ids.has(id)).length;
    return all.length === 0 || held > all.length / 2;
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
export function mayLoseOne(cluster: Machines & { readonly removals: number }, victim: Machine): boolean {
  if (cluster.removals > 0) return false;
  const holds = (machine: Machine): boolean => machine !== victim && isSound(machine);
  return holdMajority(cluster, holds, (machine) => !holds(machine));
}
