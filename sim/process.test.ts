import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../src/ports/virtual-clock.js';
import { Process } from './process.js';

const inOrder = (waiting: (() => void)[]): (() => void)[] => waiting;

describe('the timers of a process', () => {
  it('stand still with its clock while the machine is suspended, and go on where they were', () => {
    const clock = new VirtualClock();
    const process = new Process(clock, { rate: 1, wallOffsetMs: 0, turnMs: () => 0, entered: () => {} });
    const fired: [number, number][] = [];
    for (const delayMs of [50, 150, 2000]) {
      process.setTimer(delayMs, () => fired.push([delayMs, clock.monotonicMs()]));
    }
    clock.advance(100);
    process.suspend();
    clock.advance(900);
    process.resume(inOrder);
    clock.advance(10_000);
    // One would have been due while the machine was suspended, one after that.
    assert.deepEqual(fired, [
      [50, 50],
      [150, 1050],
      [2000, 2900],
    ]);
    assert.equal(process.monotonicMs(), 10_100);
    assert.equal(process.wallMs(), 11_000);
  });

  it('of one that was stopped alone come when it goes on', () => {
    const clock = new VirtualClock();
    const process = new Process(clock, { rate: 1, wallOffsetMs: 0, turnMs: () => 0, entered: () => {} });
    const fired: number[] = [];
    process.setTimer(150, () => fired.push(clock.monotonicMs()));
    process.pause();
    clock.advance(900);
    process.resume(inOrder);
    clock.advance(10_000);
    assert.deepEqual(fired, [900]);
  });
});
