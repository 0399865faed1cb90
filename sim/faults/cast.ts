import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';

/** A play ends before the next begins. */
export const playMsMax = 4900;

export interface Cast {
  readonly leader: Machine;
  readonly others: readonly Machine[];
}

/** Who plays: all run, and one of them leads. */
export function castOf(cluster: Cluster): Cast | undefined {
  const leader = cluster.leader();
  if (leader === undefined || !cluster.machines.every((each) => each.running)) return undefined;
  return { leader, others: cluster.machines.filter((each) => each !== leader) };
}
