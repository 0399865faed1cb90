import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayCommand } from '../arguments.js';
import { keptSeeds } from '../kept-seeds.js';
import { makePlan } from '../plan.js';
import { Run } from '../run.js';

/** Each in a file, which has a process and its time of its own. */
const partCount = 4;

/** Plays every fourth of the kept seeds, from that of the number `first` on. */
export function testPart(first: number): void {
  for (const seed of keptSeeds().filter((_, at) => at % partCount === first)) {
    void test(`kept seed ${seed}: ${replayCommand(seed)}`, async () => {
      const { failure } = await new Run(makePlan(seed)).play();
      assert.equal(failure, undefined);
    });
  }
}
