import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Deadlines, type Timed } from './deadlines.js';

class Alarm implements Timed {
  readonly dueMs: number;
  readonly #expired: (alarm: Alarm) => void;
  previousTimed: Timed | undefined = undefined;
  nextTimed: Timed | undefined = undefined;
  timedSlot = -1;
  expiredMs = 0;

  constructor(afterMs: number, expired: (alarm: Alarm) => void) {
    this.dueMs = performance.now() + afterMs;
    this.#expired = expired;
  }

  expired(): void {
    assert.equal(this.expiredMs, 0, 'expired twice');
    this.expiredMs = performance.now();
    this.#expired(this);
  }
}

describe('Deadlines', () => {
  // The wheel's timer does not keep a process alive.
  let alive: NodeJS.Timeout | undefined;
  before(() => (alive = setInterval(() => {}, 60_000)));
  after(() => clearInterval(alive));

  it('expires each not before its time, in the order of the ticks, also those that are due already', async () => {
    const deadlines = new Deadlines();
    const order: number[] = [];
    await new Promise<void>((resolve) => {
      const delaysMs = [120, 0, -50, 40, 40, 80];
      for (const delayMs of delaysMs) {
        deadlines.add(
          new Alarm(delayMs, ({ dueMs, expiredMs }) => {
            assert.ok(expiredMs >= dueMs);
            order.push(delayMs);
            if (order.length === delaysMs.length) resolve();
          }),
        );
      }
    });
    assert.deepEqual(
      order.filter((delayMs) => delayMs > 0),
      [40, 40, 80, 120],
    );
    assert.equal(deadlines.count, 0);
  });

  it('forgets what is removed, wherever it stands', async () => {
    const deadlines = new Deadlines();
    const alarms: Alarm[] = [];
    await new Promise<void>((resolve) => {
      for (let number = 0; number < 50; number++) {
        const alarm = new Alarm(30, () => {
          if (deadlines.count === 0) resolve();
        });
        alarms.push(alarm);
        deadlines.add(alarm);
      }
      for (const [at, alarm] of alarms.entries()) if (at % 5 !== 2) deadlines.remove(alarm);
      deadlines.remove(alarms[0]!);
      assert.equal(deadlines.count, 10);
    });
    assert.deepEqual(
      alarms.map(({ expiredMs }) => expiredMs > 0),
      alarms.map((_alarm, at) => at % 5 === 2),
    );
  });

  it('lets one that expires remove or add others', async () => {
    const deadlines = new Deadlines();
    const never = new Alarm(20, () => assert.fail('was removed'));
    await new Promise<void>((resolve) => {
      deadlines.add(never);
      deadlines.add(
        new Alarm(0, () => {
          deadlines.remove(never);
          deadlines.add(new Alarm(0, () => resolve()));
        }),
      );
    });
    assert.equal(deadlines.count, 0);
  });

  it('keeps what is due in a later round of the wheel', () => {
    const deadlines = new Deadlines();
    const late = new Alarm(3_600_000, () => assert.fail('an hour early'));
    deadlines.add(late);
    assert.equal(deadlines.count, 1);
    deadlines.remove(late);
    deadlines.close();
  });
});
