import { setTimeout as delay } from 'node:timers/promises';
import { Calls } from '../harness/calls.js';
import type { Cluster } from '../harness/cluster.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const putIntervalMs = 10;
/** A put that was lost with the leader would hang longer; the next one is on its way already. */
const putTimeoutMs = 5000;
const failoverTimeoutMs = 30_000;
const steadyMs = 1000;

/**
 * Kills the leader with -9 and puts at every survivor, a new put each 10 ms, whether or not those before were
 * answered.
 *
 * @returns milliseconds from the kill until the first answer to a put that began after it
 */
async function killLeader(cluster: Cluster): Promise<number> {
  const leader = await cluster.leader();
  const { api } = cluster.system;
  const calls = new Calls();
  const survivors = cluster.members.filter((member) => member !== leader);
  // Connected before, as clients are.
  for (const { endpoint } of survivors) {
    await calls.call(endpoint, api.putMethod, api.encodePut('bench/failover', 'before'));
  }
  let putting = true;
  const killedMs = performance.now();
  await leader.process.kill('SIGKILL');
  const answered = new Promise<number>((resolve, reject) => {
    const ends = setTimeout(() => {
      reject(new Error(`${cluster.system.name} took no put for ${failoverTimeoutMs} ms`));
    }, failoverTimeoutMs);
    const put = (endpoint: string): void => {
      const request = api.encodePut('bench/failover', 'after');
      calls.call(endpoint, api.putMethod, request, putTimeoutMs).then(
        () => {
          clearTimeout(ends);
          resolve(performance.now() - killedMs);
        },
        () => undefined,
      );
    };
    void (async () => {
      while (putting) {
        for (const { endpoint } of survivors) put(endpoint);
        await delay(putIntervalMs);
      }
    })();
  });
  try {
    return await answered;
  } finally {
    putting = false;
    calls.close();
    cluster.restart(leader);
  }
}

export const failoverPart: Part = {
  name: 'failover',
  summary: 'kill -9 of the leader: time until writes go on',
  inShort: true,
  run: (run) => withClusters(run, 3, (clusters) => killLeaders(run, clusters)),
};

async function killLeaders(run: Run, clusters: readonly Cluster[]): Promise<void> {
  for (let kill = 1; kill <= run.effort.kills; kill++) {
    for (const cluster of clusters) {
      const { name } = cluster.system;
      await cluster.settled();
      await delay(steadyMs);
      const tookMs = await killLeader(cluster);
      run.figures.add('failover', 'kill -9 of the leader', 'time', name, tookMs / 1000);
      run.tell(`failover ${kill}: ${name} ${Math.round(tookMs)} ms`);
    }
  }
}
