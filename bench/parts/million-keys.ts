import { Calls } from '../harness/calls.js';
import type { Cluster, ClusterMember } from '../harness/cluster.js';
import { until } from '../harness/until.js';
import { keyOf } from '../load/client-library.js';
import { clientProcess } from './client-process.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const keySizeBytes = 64;
const valueSizeBytes = 256;
/** Puts that have no answer yet; with etcd 32 transactions of 128. */
const outstanding = 4096;
const restartTimeoutMs = 120_000;
const mebibyte = 1024 * 1024;

async function load(run: Run, cluster: Cluster): Promise<void> {
  const { name, bulkLibrary, client } = cluster.system;
  const { keys } = run.effort;
  const { endpoint } = await cluster.leader();
  const outcome = await clientProcess({
    ...client,
    library: bulkLibrary,
    endpoint,
    operation: 'load',
    outstanding,
    keys,
    keySizeBytes,
    valueSizeBytes,
    warmUpSeconds: 0,
    seconds: 0,
  });
  await cluster.settled();
  const what = `${keys} keys`;
  run.figures.add('keys', `load ${what}`, 'time', name, outcome.seconds);
  for (const { process } of cluster.members) {
    run.figures.add('keys', `resident member, ${what}`, 'memory', name, process.residentBytes / mebibyte);
    const own = process.residentAnonymousBytes / mebibyte;
    run.figures.add('keys', `resident member without mapped files, ${what}`, 'memory', name, own);
  }
  run.tell(`${name} took ${what} in ${outcome.seconds.toFixed(1)} s`);
}

/** @returns seconds until `member` answers a linearizable get of the last key */
async function untilServed(cluster: Cluster, member: ClusterMember, key: string): Promise<number> {
  const beganMs = performance.now();
  const { api, name } = cluster.system;
  await until(`${name} to serve again`, restartTimeoutMs, async () => {
    // A new connection each time: an old one would pause between its attempts.
    const calls = new Calls();
    try {
      const answer = await calls.call(member.endpoint, api.getMethod, api.encodeGet(key), 5000);
      if (api.decodeGet(answer)?.length === valueSizeBytes) return true;
    } catch {
      return false;
    } finally {
      calls.close();
    }
    throw new Error(`${name} lost ${key}`);
  });
  return (performance.now() - beganMs) / 1000;
}

async function restart(run: Run, cluster: Cluster): Promise<void> {
  const { name } = cluster.system;
  const { keys, rounds } = run.effort;
  const lastKey = keyOf(keys - 1, keySizeBytes);
  for (let round = 0; round < rounds; round++) {
    await cluster.settled();
    const follower = (await cluster.followers())[round % 2]!;
    await follower.process.kill('SIGKILL');
    cluster.restart(follower);
    const seconds = await untilServed(cluster, follower, lastKey);
    run.figures.add('keys', `restart of a follower until it serves, ${keys} keys`, 'time', name, seconds);
  }
  for (let round = 0; round < rounds; round++) {
    await cluster.settled();
    await Promise.all(cluster.members.map(({ process }) => process.kill('SIGKILL')));
    for (const member of cluster.members) cluster.restart(member);
    const seconds = await untilServed(cluster, cluster.members[0]!, lastKey);
    run.figures.add('keys', `restart of all members until one serves, ${keys} keys`, 'time', name, seconds);
  }
}

export const millionKeysPart: Part = {
  name: 'keys',
  summary: 'load a million keys; memory and restart with them',
  inShort: false,
  run: async (run: Run) => {
    // One cluster after the other: what is measured is not a rate, and memory is better not shared.
    for (const system of run.systems) {
      await withClusters({ ...run, systems: [system] }, 3, async ([cluster]) => {
        await load(run, cluster!);
        await restart(run, cluster!);
      });
    }
  },
};
