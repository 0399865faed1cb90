import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Interruptions, interruptionsPerTurn } from './interruptions.js';

it('interruptionsPerTurn are told at once, the others in the turns that follow, each once and in order', async () => {
  const interruptions = new Interruptions();
  const told: number[] = [];
  const count = 3 * interruptionsPerTurn + 1;
  for (let nth = 0; nth < count; nth++) interruptions.add({ interrupt: () => told.push(nth) });
  for (let turn = 1; turn <= 4; turn++) {
    assert.equal(told.length, Math.min(count, turn * interruptionsPerTurn));
    await nextTurn();
  }
  assert.deepEqual(
    told,
    Array.from({ length: count }, (_none, nth) => nth),
  );
  // A new turn begins with a full measure.
  for (let nth = 0; nth < interruptionsPerTurn; nth++) interruptions.add({ interrupt: () => told.push(nth) });
  assert.equal(told.length, count + interruptionsPerTurn);
});
