import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KvorumError } from '../base/errors.js';
import type { Index } from '../base/ids.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { memberDefaults } from './options.js';
import { Reads } from './reads.js';

/** The other side answers by hand. */
function newReads(): { reads: Reads; clock: VirtualClock; asked: number[] } {
  const asked: number[] = [];
  const clock = new VirtualClock();
  const raft = { readIndex: (context: number) => void asked.push(context) };
  return { reads: new Reads(raft, clock, memberDefaults), clock, asked };
}

/** @returns what became of it, once something has */
function read(reads: Reads, timeoutMs = 1000): { outcome: string } {
  const told = { outcome: 'waits' };
  reads.add(
    { timeoutMs },
    {
      resolve: () => void (told.outcome = 'served'),
      reject: (error) => void (told.outcome = (error as KvorumError).code),
    },
  );
  return told;
}

const appliedIndex: Index = 5;

describe('linearizable reads', () => {
  it('of a round that all have given up are not answered for the next one', async () => {
    const { reads, clock, asked } = newReads();
    const first = read(reads);
    reads.submit();
    await clock.advanceAsync(1100);
    reads.tick(appliedIndex);
    assert.equal(first.outcome, 'NO_LEADER');
    const second = read(reads);
    reads.submit();
    assert.notEqual(asked.at(-1), asked[0]);
    reads.confirmed(asked[0]!, 3, appliedIndex);
    assert.equal(second.outcome, 'waits', 'the answer is older than the read');
    reads.confirmed(asked.at(-1)!, 5, appliedIndex);
    assert.equal(second.outcome, 'served');
  });

  it('are served by the answer to any time that their round was asked for', async () => {
    const { reads, clock, asked } = newReads();
    const slow = read(reads, 10_000);
    reads.submit();
    for (let tick = 1; tick <= 12; tick++) {
      await clock.advanceAsync(100);
      reads.tick(appliedIndex);
    }
    assert.equal(asked.length, 3, 'it was asked for again, and again');
    reads.confirmed(asked[0]!, 5, appliedIndex);
    assert.equal(slow.outcome, 'served');
    const next = read(reads, 10_000);
    reads.submit();
    for (const earlier of asked.slice(0, 3)) reads.confirmed(earlier, 5, appliedIndex);
    assert.equal(next.outcome, 'waits', 'those were asked for before it began');
  });

  it('wait for what is applied, in the order of what they wait for', () => {
    const { reads, asked } = newReads();
    const late = read(reads);
    reads.submit();
    reads.confirmed(asked.at(-1)!, 9, appliedIndex);
    const early = read(reads);
    reads.submit();
    reads.confirmed(asked.at(-1)!, 7, appliedIndex);
    reads.applied(6);
    assert.deepEqual([early.outcome, late.outcome], ['waits', 'waits']);
    reads.applied(8);
    assert.deepEqual([early.outcome, late.outcome], ['served', 'waits']);
    reads.applied(9);
    assert.equal(late.outcome, 'served');
  });

  it('that wait for what is applied already are a fault that ends the member', () => {
    const { reads, asked } = newReads();
    read(reads);
    reads.submit();
    reads.confirmed(asked.at(-1)!, 9, appliedIndex);
    reads.tick(8);
    assert.throws(() => reads.tick(9), /no read waits for what is applied/);
  });
});
