import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayCommand } from './arguments.js';
import { traceOf } from './fingerprints.js';
import { makePlan } from './plan.js';
import { Run } from './run.js';

const freshRuns = Number(process.env['SIM_RUNS'] ?? 12);
const firstSeed = Date.now() % 1_000_000_000;

void test('one seed gives one trace, byte for byte', async () => {
  for (const seed of [1, 5, firstSeed]) {
    const [first, second] = [await traceOf(seed), await traceOf(seed)];
    assert.ok(first === second, `the traces of seed ${seed} differ`);
    assert.ok(first.length > 10_000);
  }
});

void test('looking on changes nothing', async () => {
  const watched = await new Run(makePlan(5), () => {}).play();
  assert.deepEqual(await new Run(makePlan(5)).play(), watched);
});

for (let seed = firstSeed; seed < firstSeed + freshRuns; seed++) {
  void test(`fresh seed ${seed}: ${replayCommand(seed)}`, async () => {
    const { failure } = await new Run(makePlan(seed)).play();
    assert.equal(failure, undefined);
  });
}
