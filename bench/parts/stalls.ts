import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../harness/cluster.js';
import { until } from '../harness/until.js';
import { h2load, type H2LoadResult } from '../load/h2load.js';
import { summarise } from '../load/latencies.js';
import { clientProcess } from './client-process.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const keysMax = 100_000;
const connections = 16;
const putsPerSecond = 1600;
const seconds = 6;
/** Of the load, before the disturbance: what follows is seen in full. */
const leadMs = 1500;
const joinTimeoutMs = 60_000;

interface Disturbance {
  readonly name: string;
  /** Undefined: the system cannot do it. */
  begin(cluster: Cluster): (() => Promise<void>) | undefined;
}

const disturbances: readonly Disturbance[] = [
  { name: 'nothing', begin: () => () => Promise.resolve() },
  {
    name: 'compaction',
    begin: (cluster) => {
      const { system } = cluster;
      if (system.compact === undefined) return undefined;
      return async () => {
        const { endpoint } = await cluster.leader();
        await system.compact?.(endpoint, (await system.state(endpoint)).revision);
      };
    },
  },
  // Half of the keys were loaded later, and what is put meanwhile is later than all.
  { name: 'the past is listed', begin: (cluster) => list(cluster, (newest) => Math.ceil(newest / 2)) },
  { name: 'all is exported', begin: (cluster) => list(cluster, () => 0) },
  { name: 'a member joins', begin: (cluster) => () => join(cluster) },
];

/** Of the leader, where the puts go. */
function list(cluster: Cluster, revisionOf: (newest: number) => number): (() => Promise<void>) | undefined {
  const { system } = cluster;
  if (system.list === undefined) return undefined;
  return async () => {
    const { endpoint } = await cluster.leader();
    await system.list?.(endpoint, revisionOf((await system.state(endpoint)).revision));
  };
}

/** A fourth member with an empty folder, until it has what the leader had when it began. */
async function join(cluster: Cluster): Promise<void> {
  const { system } = cluster;
  const { endpoint } = await cluster.leader();
  const { revision } = await system.state(endpoint);
  const member = await cluster.grow();
  await until(`${system.name}'s new member to catch up`, joinTimeoutMs, async () => {
    try {
      return (await system.state(member.endpoint)).revision >= revision;
    } catch {
      return false;
    }
  });
}

/** Puts at a steady rate that is no strain, so that the longest one tells of a stall. */
async function steadyPuts(cluster: Cluster): Promise<H2LoadResult> {
  const { api } = cluster.system;
  const { endpoint } = await cluster.leader();
  return h2load({
    endpoint,
    methods: [api.putMethod],
    message: api.encodePut('bench/steady', 'v'.repeat(128)),
    requests: putsPerSecond * seconds,
    requestsPerSecond: putsPerSecond,
    connections,
    streamsPerConnection: 64,
  });
}

async function measure(run: Run, cluster: Cluster): Promise<void> {
  const { system } = cluster;
  for (const disturbance of disturbances) {
    const { name } = disturbance;
    const disturb = disturbance.begin(cluster);
    if (disturb === undefined) continue;
    const { revision } = await settledState(cluster);
    const [puts] = await Promise.all([steadyPuts(cluster), delay(leadMs).then(disturb)]);
    const after = await settledState(cluster);
    if (after.revision < revision + puts.latenciesUs.length) {
      throw new Error(`${system.name} lost puts, or refused some`);
    }
    const { p50Ms, p99Ms, longestMs, longestGapMs } = summarise(puts);
    const load = `${putsPerSecond} puts/s while: ${name}`;
    run.figures.add('stalls', load, 'p50', system.name, p50Ms);
    run.figures.add('stalls', load, 'p99', system.name, p99Ms);
    run.figures.add('stalls', load, 'longest', system.name, longestMs);
    run.figures.add('stalls', load, 'gap', system.name, longestGapMs);
    run.tell(`${load}: ${system.name} longest ${Math.round(longestMs)} ms`);
  }
}

async function settledState(cluster: Cluster): Promise<{ readonly revision: number }> {
  await cluster.settled();
  const { endpoint } = await cluster.leader();
  return cluster.system.state(endpoint);
}

async function fill(run: Run, cluster: Cluster): Promise<void> {
  const { client, bulkLibrary } = cluster.system;
  const { endpoint } = await cluster.leader();
  await clientProcess({
    ...client,
    library: bulkLibrary,
    endpoint,
    operation: 'load',
    outstanding: 4096,
    keys: Math.min(keysMax, run.effort.keys),
    keySizeBytes: 64,
    valueSizeBytes: 256,
    warmUpSeconds: 0,
    seconds: 0,
  });
}

export const stallsPart: Part = {
  name: 'stalls',
  summary: 'longest put at a steady rate while compacting, listing, and while a member joins',
  inShort: false,
  run: (run) =>
    withClusters(run, 3, async (clusters) => {
      for (const cluster of clusters) {
        await fill(run, cluster);
        await measure(run, cluster);
      }
    }),
};
