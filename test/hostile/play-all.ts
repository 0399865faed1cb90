import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { drawSeed } from '../system/processes/seed.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import type { Attack } from './attacks/attack.js';
import { judge } from './bounds.js';
import { describeOutcome } from './outcome.js';
import { attackedFlags, fill, play } from './scene.js';

/** Plays attacks one after the other, a test for each, on three members: others than before where one went wrong. */
export async function playAll(t: TestContext, attacks: readonly Attack[]): Promise<void> {
  const seed = drawSeed(t);
  const left = [...attacks];
  while (left.length > 0) {
    await ProcessCluster.run(t, { size: 3, flags: attackedFlags }, async (cluster) => {
      await fill(cluster.client());
      while (left.length > 0) {
        if (await isUnhurt(t, cluster, left.shift()!, seed)) continue;
        cluster.tell(t);
        return;
      }
    });
  }
}

async function isUnhurt(
  t: TestContext,
  cluster: ProcessCluster,
  attack: Attack,
  seed: number,
): Promise<boolean> {
  let unhurt = false;
  await t.test(`${attack.name}: ${attack.does}`, async (test) => {
    const outcome = await play(cluster, attack, seed);
    test.diagnostic(describeOutcome(outcome));
    assert.deepEqual(judge(outcome, attack.bounds), []);
    unhurt = true;
  });
  return unhurt;
}
