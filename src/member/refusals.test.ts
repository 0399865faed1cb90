import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../ports/virtual-clock.js';
import { Refusals } from './refusals.js';

const voters = [1n, 2n, 3n, 4n];

describe('refusals', () => {
  it('of a majority at the same time say that this member is known elsewhere', () => {
    const refusals = new Refusals(new VirtualClock());
    for (const voter of [1n, 2n]) refusals.refused(voter, 'wrong-address');
    assert.equal(refusals.isKnownElsewhere(voters), false);
    refusals.refused(3n, 'own-id');
    assert.equal(refusals.isKnownElsewhere(voters), true);
  });

  it('of a majority of the others say that it was started again elsewhere', () => {
    const refusals = new Refusals(new VirtualClock());
    refusals.refused(1n, 'superseded');
    assert.equal(refusals.isSuperseded([1n, 2n]), false);
    assert.equal(refusals.isSuperseded([1n]), true);
    refusals.refused(2n, 'superseded');
    assert.equal(refusals.isSuperseded([1n, 2n]), true);
    assert.equal(refusals.isSuperseded([]), false);
  });

  it('for other reasons do not', () => {
    const refusals = new Refusals(new VirtualClock());
    for (const voter of voters) refusals.refused(voter, 'busy');
    assert.equal(refusals.isKnownElsewhere(voters), false);
  });

  it('are forgotten once the member is welcome there', () => {
    const refusals = new Refusals(new VirtualClock());
    for (const voter of [1n, 2n]) refusals.refused(voter, 'wrong-address');
    refusals.welcomed(1n);
    refusals.refused(3n, 'wrong-address');
    assert.equal(refusals.isKnownElsewhere(voters), false);
  });

  it('that lie far apart do not add up', async () => {
    const clock = new VirtualClock();
    const refusals = new Refusals(clock);
    for (const voter of [1n, 2n]) refusals.refused(voter, 'wrong-address');
    await clock.advanceAsync(60_000);
    refusals.refused(3n, 'wrong-address');
    assert.equal(refusals.isKnownElsewhere(voters), false);
  });

  it('are told once for each reason while they go on, and again when they come back', async () => {
    const clock = new VirtualClock();
    const refusals = new Refusals(clock);
    const told = [];
    for (let seconds = 0; seconds < 20; seconds++) {
      told.push(refusals.refused(1n, 'wrong-address'));
      await clock.advanceAsync(1000);
    }
    assert.deepEqual(told.indexOf(true), told.lastIndexOf(true));
    assert.equal(refusals.refused(1n, 'own-id'), true);
    await clock.advanceAsync(60_000);
    assert.equal(refusals.refused(1n, 'own-id'), true);
  });
});
