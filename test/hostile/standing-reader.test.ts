import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { drawSeed } from '../system/processes/seed.js';
import { attacks } from './attacks/table.js';
import { judge } from './bounds.js';
import { describeOutcome } from './outcome.js';
import { fill, play } from './scene.js';

/** Fill what lies between a member and the reader of its stderr, some hundred KiB, in a moment. */
const loud = attacks.find(({ name }) => name === 'raft-log-flood')!;

void test('members serve while the readers of their logs stand still', async (t) => {
  const seed = drawSeed(t);
  await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
    await fill(cluster.client());
    for (const { process } of cluster.members) process.stopReadingLog();
    const outcome = await play(cluster, loud, seed).finally(() => {
      for (const { process } of cluster.members) process.readLogAgain();
    });
    t.diagnostic(describeOutcome(outcome));
    assert.deepEqual(judge(outcome), []);
  });
});
