import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../harness/cluster.js';
import { until } from '../harness/until.js';
import { h2load, type H2LoadResult } from '../load/h2load.js';
import { summarise } from '../load/latencies.js';
import { clientProcess } from './client-process.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const outstanding = 256;
const connections = 16;
const warmUpRequests = 40_000;
/** Without anything else; with a disturbance the same puts take longer. */
const secondsOfPuts = 8;
/** Of the load, before the disturbance: what follows is seen in full. */
const leadMs = 1000;
const joinTimeoutMs = 60_000;
/** Each key is written so often between two compactions. */
const changesPerKey = 5;
const roundsMax = 3;

/** What is measured, and what it is measured with. */
interface Measurement {
  readonly run: Run;
  readonly cluster: Cluster;
  readonly keys: number;
  /** So many puts as are answered in secondsOfPuts. */
  readonly puts: number;
}

/** What there is to read and to forget. */
interface Past {
  /** All keys have a newer version than here, and changes before it are to be compacted. */
  readonly revision: number;
}

/** Goes on until `over` says so, or until it is done. */
type Disturbance = (endpoint: string, over: () => boolean) => Promise<void>;

function repeatedly(action: (endpoint: string) => Promise<void>): Disturbance {
  return async (endpoint, over) => {
    while (!over()) await action(endpoint);
  };
}

function disturbancesOf({ cluster }: Measurement, { revision }: Past): Record<string, Disturbance> {
  const { system } = cluster;
  return {
    nothing: () => Promise.resolve(),
    'the past is listed': repeatedly((endpoint) => system.list(endpoint, revision)),
    'all is exported': repeatedly((endpoint) => system.list(endpoint, 0)),
    'keys are counted': repeatedly((endpoint) => system.count(endpoint)),
    compaction: (endpoint) => system.compact(endpoint, revision),
  };
}

async function puts({ cluster, puts: requests }: Measurement): Promise<H2LoadResult> {
  const { api } = cluster.system;
  const { endpoint } = await cluster.leader();
  return h2load({
    endpoint,
    methods: [api.putMethod],
    message: api.encodePut('bench/steady', 'v'.repeat(128)),
    requests,
    connections,
    streamsPerConnection: outstanding / connections,
  });
}

/** @returns the longest put, in ms */
async function disturbed(measurement: Measurement, name: string, disturb: Disturbance): Promise<number> {
  const { run, cluster } = measurement;
  const { system } = cluster;
  const { revision } = await settledState(cluster);
  let isOver = false;
  const loaded = puts(measurement).finally(() => {
    isOver = true;
  });
  const { endpoint } = await cluster.leader();
  const [result] = await Promise.all([loaded, delay(leadMs).then(() => disturb(endpoint, () => isOver))]);
  const after = await settledState(cluster);
  if (after.revision < revision + result.latenciesUs.length) {
    throw new Error(`${system.name} lost puts, or refused some`);
  }
  const { requestsPerSecond, p50Ms, p99Ms, longestMs, longestGapMs } = summarise(result);
  const load = loadNamed(name);
  run.figures.add('stalls', load, 'rate', system.name, requestsPerSecond);
  run.figures.add('stalls', load, 'p50', system.name, p50Ms);
  run.figures.add('stalls', load, 'p99', system.name, p99Ms);
  run.figures.add('stalls', load, 'longest', system.name, longestMs);
  run.figures.add('stalls', load, 'gap', system.name, longestGapMs);
  run.tell(`${load}: ${system.name} p99 ${p99Ms.toFixed(1)} ms, longest ${longestMs.toFixed(1)} ms`);
  return longestMs;
}

const loadNamed = (name: string): string => `${outstanding} puts while: ${name}`;

async function settledState(cluster: Cluster): Promise<{ readonly revision: number }> {
  await cluster.settled();
  const { endpoint } = await cluster.leader();
  return cluster.system.state(endpoint);
}

async function writeKeys({ run, cluster, keys }: Omit<Measurement, 'puts'>): Promise<void> {
  const { client, bulkLibrary, name } = cluster.system;
  const { endpoint } = await cluster.leader();
  const { seconds } = await clientProcess({
    ...client,
    library: bulkLibrary,
    endpoint,
    operation: 'load',
    outstanding: 4096,
    keys,
    keySizeBytes: 64,
    valueSizeBytes: 256,
    warmUpSeconds: 0,
    seconds: 0,
  });
  run.tell(`${name} took ${keys} keys in ${seconds.toFixed(1)} s`);
}

/** Writes every key some times more. */
async function makePast(measurement: Omit<Measurement, 'puts'>): Promise<Past> {
  for (let change = 1; change < changesPerKey; change++) await writeKeys(measurement);
  const { revision } = await settledState(measurement.cluster);
  await writeKeys(measurement);
  await settledState(measurement.cluster);
  return { revision };
}

async function measureRound(measurement: Measurement): Promise<void> {
  const { run, cluster } = measurement;
  const past = await makePast(measurement);
  const { nothing, compaction, ...readers } = disturbancesOf(measurement, past);
  const quietMs = await disturbed(measurement, 'nothing', nothing!);
  const measure = async (name: string, disturb: Disturbance): Promise<void> => {
    const longestMs = await disturbed(measurement, name, disturb);
    run.figures.add('stalls', loadNamed(name), 'over', cluster.system.name, longestMs - quietMs);
  };
  for (const [name, disturb] of Object.entries(readers)) await measure(name, disturb);
  await measure('compaction', compaction!);
  const anew = await makePast(measurement);
  const all = Object.entries(disturbancesOf(measurement, anew)).map(([, disturb]) => disturb);
  await measure('all of these', async (endpoint, over) => {
    await Promise.all(all.map((disturb) => disturb(endpoint, over)));
  });
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

async function measure(run: Run, cluster: Cluster): Promise<void> {
  const prepared = { run, cluster, keys: Math.ceil(run.effort.keys / changesPerKey) };
  await writeKeys(prepared);
  const { requestsPerSecond } = summarise(await puts({ ...prepared, puts: warmUpRequests }));
  const measurement = { ...prepared, puts: Math.ceil(requestsPerSecond * secondsOfPuts) };
  const rounds = Math.min(roundsMax, run.effort.rounds);
  for (let round = 0; round < rounds; round++) await measureRound(measurement);
  await disturbed(measurement, 'a member joins', () => join(cluster));
}

export const stallsPart: Part = {
  name: 'stalls',
  summary: 'longest of 256 outstanding puts while the past is read, keys are counted, and more',
  inShort: false,
  run: (run) =>
    withClusters(run, run.effort.stalledMembers, async (clusters) => {
      for (const cluster of clusters) await measure(run, cluster);
    }),
};
