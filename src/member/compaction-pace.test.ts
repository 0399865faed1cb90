import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompactionPace } from './compaction-pace.js';

const workedMs = 2;
const looked = 1000;
const slices = 10_000;

/** Time goes on with slices and rests, in which writes come at a steady rate. */
function run(writesPerMs: number): { readonly share: number; readonly lookedPerWrite: number } {
  const pace = new CompactionPace();
  let nowMs = 0;
  for (let slice = 0; slice < slices; slice++) {
    nowMs += workedMs;
    pace.sliced(looked, nowMs * writesPerMs, true);
    nowMs += pace.restMs(workedMs);
  }
  const share = (slices * workedMs) / nowMs;
  return { share, lookedPerWrite: (slices * looked) / (nowMs * writesPerMs) };
}

describe('the pace of the compaction', () => {
  it('is an eighth of the time while that is enough', () => {
    for (const writesPerMs of [0, 10, 20]) assert.equal(run(writesPerMs).share, 0.125);
  });

  it('looks at three changes for each that is written, if there is time for it', () => {
    for (const writesPerMs of [50, 80, 110]) {
      const { share, lookedPerWrite } = run(writesPerMs);
      assert.ok(lookedPerWrite > 2.99, `${lookedPerWrite} for each at ${writesPerMs} a ms`);
      assert.ok(share > 0.125 && share < 2 / 3, `${share} of the time at ${writesPerMs} a ms`);
    }
  });

  it('rests a little, whatever is written', () => {
    const { share } = run(100_000);
    assert.ok(share > 0.66 && share < 0.67, `${share} of the time`);
  });

  it('owes nothing for what was written while there was nothing to forget', () => {
    const pace = new CompactionPace();
    const steps = [
      { written: 1e9, pending: true, restMs: 7 * workedMs },
      { written: 1e9 + 400, pending: true, restMs: 1 },
      { written: 1e9 + 800, pending: false, restMs: 7 * workedMs },
      { written: 2e9, pending: true, restMs: 7 * workedMs },
    ];
    for (const { written, pending, restMs } of steps) {
      pace.sliced(looked, written, pending);
      assert.equal(pace.restMs(workedMs), restMs, `${written}`);
      assert.equal(pace.goesOn(1), restMs === 1, 'several in a row only where something is owed');
      assert.equal(pace.goesOn(4), false);
    }
  });

  it('makes many slices in a row only where short rests have not been enough for long', () => {
    const pace = new CompactionPace();
    for (let turns = 0; !pace.goesOn(4); turns++) {
      assert.ok(turns < 100);
      assert.ok(turns < 20 || pace.restMs(workedMs) === 1);
      pace.sliced(looked, turns * 1000, true);
    }
    assert.deepEqual(
      [15, 16, 17].map((slices) => pace.goesOn(slices)),
      [true, false, false],
    );
    pace.sliced(100_000, 60_000, true);
    // It has caught up in the middle of a row: that ends there, however many slices it has had.
    for (let slices = 4; slices < 20; slices++) assert.equal(pace.goesOn(slices), false);
  });
});
