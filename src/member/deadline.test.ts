import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { madeOnce, Waiter } from './deadline.js';
import type { CallOptions } from './types.js';

describe('a caller that waits', () => {
  it('and has gone is noticed by a sweep; no signal is made for one that says so itself', () => {
    const clock = new VirtualClock();
    const caller: { gone?: Error } = {};
    const rejected: unknown[] = [];
    const options: CallOptions = {
      get signal(): AbortSignal {
        return assert.fail('a signal was made');
      },
      get cutShort() {
        return caller.gone;
      },
    };
    const completion = {
      resolve: () => assert.fail(),
      reject: (error: unknown) => void rejected.push(error),
    };
    const waiter = new Waiter<void>(clock, 10_000, options, completion);
    const never = (): KvorumError => assert.fail('its time is not over');
    waiter.sweep(clock.monotonicMs() + 1000, never);
    assert.deepEqual(rejected, []);
    caller.gone = new Error('the connection was lost');
    waiter.sweep(clock.monotonicMs() + 1000, never);
    assert.deepEqual(
      rejected.map((error) => (error as KvorumError).code),
      ['CANCELLED'],
    );
    assert.ok(waiter.settled);
  });

  it('shares its error with those that end in the same sweep', () => {
    let made = 0;
    const error = madeOnce(() => {
      made++;
      return new KvorumError('NO_LEADER', 'no leader');
    });
    assert.equal(made, 0);
    assert.equal(error(), error());
    assert.equal(made, 1);
  });
});
