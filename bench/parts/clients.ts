import type { Cluster } from '../harness/cluster.js';
import { clientProcess } from './client-process.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const outstanding = 256;

async function measure(run: Run, cluster: Cluster, operation: 'put' | 'get'): Promise<void> {
  const { client, name } = cluster.system;
  const { effort, figures } = run;
  const { endpoint } = await cluster.leader();
  const cpuBefore = cluster.cpuSeconds;
  const outcome = await clientProcess({
    ...client,
    endpoint,
    operation,
    outstanding,
    keys: 1000,
    keySizeBytes: 16,
    valueSizeBytes: 128,
    warmUpSeconds: effort.warmUpSeconds,
    seconds: effort.roundSeconds,
  });
  const load = `${operation}, ${outstanding} concurrent, leader, 128 B`;
  figures.add('clients', load, 'rate', name, outcome.requestsPerSecond);
  figures.add('clients', load, 'p50', name, outcome.p50Ms);
  figures.add('clients', load, 'p99', name, outcome.p99Ms);
  const cpuSeconds = cluster.cpuSeconds - cpuBefore;
  figures.add('clients', load, 'cpu', name, (cpuSeconds / outcome.requestsInAll) * 100_000);
  run.tell(`${load}: ${name} with ${client.library} ${Math.round(outcome.requestsPerSecond)} requests/s`);
}

export const clientsPart: Part = {
  name: 'clients',
  summary: 'kvorum/client, and npm etcd3 with etcd: 256 concurrent puts and gets',
  inShort: true,
  run: (run: Run) =>
    withClusters(run, 3, async (clusters) => {
      for (const operation of ['put', 'get'] as const) {
        for (let round = 0; round < run.effort.rounds; round++) {
          for (const cluster of round % 2 === 0 ? clusters : clusters.toReversed()) {
            await measure(run, cluster, operation);
          }
        }
      }
    }),
};
