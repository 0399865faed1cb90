import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayCommand } from './arguments.js';
import { keptSeeds } from './kept-seeds.js';
import { makePlan } from './plan.js';
import { Run } from './run.js';
import { encodeTraceEvent } from './trace.js';

const freshRuns = Number(process.env['SIM_RUNS'] ?? 12);
const firstSeed = Date.now() % 1_000_000_000;

async function trace(seed: number): Promise<string> {
  const lines: string[] = [];
  const result = await new Run(makePlan(seed), (event) => lines.push(encodeTraceEvent(event))).play();
  return [...lines, JSON.stringify(result)].join('\n');
}

void test('one seed gives one trace, byte for byte', async () => {
  for (const seed of [1, 5, firstSeed]) {
    const [first, second] = [await trace(seed), await trace(seed)];
    assert.ok(first === second, `the traces of seed ${seed} differ`);
    assert.ok(first.length > 10_000);
  }
});

void test('looking on changes nothing', async () => {
  const watched = await new Run(makePlan(5), () => {}).play();
  assert.deepEqual(await new Run(makePlan(5)).play(), watched);
});

for (const seed of keptSeeds()) {
  void test(`kept seed ${seed}: ${replayCommand(seed)}`, async () => {
    const { failure } = await new Run(makePlan(seed)).play();
    assert.equal(failure, undefined);
  });
}

for (let seed = firstSeed; seed < firstSeed + freshRuns; seed++) {
  void test(`fresh seed ${seed}: ${replayCommand(seed)}`, async () => {
    const { failure } = await new Run(makePlan(seed)).play();
    assert.equal(failure, undefined);
  });
}
