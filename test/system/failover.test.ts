import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkRegisters } from './history/register.js';
import { RegisterLoad } from './history/register-load.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { drawSeed } from './processes/seed.js';

const kills = 3;
const writesBetween = 100;

it('goes on after kill -9 of the leader, under load and linearizable', async (t) => {
  const seed = drawSeed(t);
  await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
    const client = cluster.client();
    const keys = ['a', 'b', 'c'];
    const load = RegisterLoad.start({ callers: cluster.callers(6), keys, seed });
    for (let kill = 0; kill < kills; kill++) {
      await load.moreWrites(writesBetween);
      const leader = await cluster.leader(client);
      await leader.crash();
      await load.moreWrites(writesBetween);
      assert.notEqual(await cluster.leader(client), leader);
      await leader.start();
    }
    await load.moreWrites(writesBetween);
    await load.stop();
    t.diagnostic(load.summary);
    checkRegisters(load.operations);
    const values = await Promise.all(
      cluster.members.map((member) => Promise.all(keys.map((key) => member.client().get(key)))),
    );
    for (const each of values) assert.deepEqual(each, values[0]);
  });
});
