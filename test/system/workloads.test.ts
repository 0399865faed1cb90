import { it } from 'node:test';
import { Workloads } from './history/workloads.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { drawSeed } from './processes/seed.js';

const writesBetween = 200;

it('registers, appends and comparisons are linearizable while the leader is killed, paused and replaced', async (t) => {
  const seed = drawSeed(t);
  await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
    const client = cluster.client();
    const load = Workloads.start({ callers: cluster.callers(6, 1000), prefix: 'w', keyCount: 2, seed });
    await load.moreWrites(writesBetween);
    const killed = await cluster.leader(client);
    await killed.crash();
    await load.moreWrites(writesBetween);
    await killed.start();
    const paused = await cluster.leader(client);
    paused.pause();
    await load.moreWrites(writesBetween);
    paused.resume();
    await client.transferLeadership();
    await load.moreWrites(writesBetween);
    await load.stop();
    t.diagnostic(load.summary);
    load.check();
  });
});
