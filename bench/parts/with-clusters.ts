import { Cluster } from '../harness/cluster.js';
import type { Run } from './part.js';

/** A cluster of `count` members of each system, all idle but the one that is used; ended afterwards. */
export async function withClusters(
  run: Run,
  count: number,
  action: (clusters: readonly Cluster[]) => Promise<void>,
): Promise<void> {
  const clusters: Cluster[] = [];
  try {
    for (const system of run.systems) clusters.push(await Cluster.start(system, count));
    await action(clusters);
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
}
