import type { Cluster } from '../harness/cluster.js';
import type { Run } from '../parts/part.js';
import { prepare, runUnary, type UnaryLoad, type UnaryRound } from './unary.js';

const warmUpRequestsMin = 64;

export function loadName({ operation, at, outstanding, valueSizeBytes }: UnaryLoad): string {
  const size = valueSizeBytes < 1024 ? `${valueSizeBytes} B` : `${valueSizeBytes / 1024} KiB`;
  const what = { put: 'put', get: 'get', mixed: '90 get/10 put' }[operation];
  return `${what}, ${outstanding} outstanding, ${at}, ${size}`;
}

/**
 * Serves the load by each cluster in turn, several rounds; a round's number of requests follows from the rate of
 * the warm-up, which is dropped.
 */
export async function measureUnary(
  run: Run,
  part: string,
  clusters: readonly Cluster[],
  load: UnaryLoad,
  name = loadName(load),
): Promise<void> {
  const { effort, figures } = run;
  const sizes = new Map<Cluster, number>();
  for (const cluster of clusters) {
    await prepare(cluster, load);
    await warmEngine(cluster, load, effort.warmUpSeconds);
    const rate = await warmUp(cluster, load, effort.warmUpSeconds);
    sizes.set(cluster, rate * effort.roundSeconds);
  }
  for (let round = 0; round < effort.rounds; round++) {
    // The order turns, so that none always runs in the wake of the same other.
    for (const cluster of round % 2 === 0 ? clusters : clusters.toReversed()) {
      const { name: system } = cluster.system;
      const measured = await runUnary(cluster, load, sizes.get(cluster)!);
      record(measured, (metric, value) => figures.add(part, name, metric, system, value));
    }
  }
  const rates = clusters.map(({ system }) => {
    const figure = figures.of(part).find((each) => each.load === name && each.metric === 'rate');
    const shown = (figure?.samples.get(system.name) ?? []).map((rate) => Math.round(rate)).join(' ');
    return `${system.name} ${shown}`;
  });
  run.tell(`${name}: requests/s ${rates.join(' | ')}`);
}

const warmed = new WeakMap<Cluster, Set<UnaryLoad['operation']>>();

/**
 * A JavaScript engine compiles what it has run some thousand times: at one request at a time that would take
 * longer than all rounds. So each cluster serves each kind of request at a high rate first, etcd's too.
 */
async function warmEngine(cluster: Cluster, load: UnaryLoad, seconds: number): Promise<void> {
  const done = warmed.get(cluster) ?? new Set();
  warmed.set(cluster, done);
  if (done.has(load.operation)) return;
  done.add(load.operation);
  await warmUp(cluster, { ...load, outstanding: 256 }, seconds);
}

/** @returns requests a second */
async function warmUp(cluster: Cluster, load: UnaryLoad, seconds: number): Promise<number> {
  let requests = Math.max(warmUpRequestsMin, load.outstanding * 2);
  let spentSeconds = 0;
  let rate = 0;
  while (spentSeconds < seconds) {
    ({ requestsPerSecond: rate } = await runUnary(cluster, load, requests));
    spentSeconds += requests / rate;
    requests = Math.max(requests, rate * Math.max(0.1, seconds - spentSeconds));
  }
  return rate;
}

function record(
  round: UnaryRound,
  add: (metric: 'rate' | 'p50' | 'p99' | 'p999' | 'cpu', value: number) => void,
): void {
  add('rate', round.requestsPerSecond);
  add('p50', round.p50Ms);
  add('p99', round.p99Ms);
  add('p999', round.p999Ms);
  add('cpu', round.cpuSecondsPer100kRequests);
}
