import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Deadlines, expiredPerTurn, type Timed } from './deadlines.js';

class Alarm implements Timed {
  readonly dueMs: number;
  readonly #expired: (alarm: Alarm) => void;
  previousTimed: Timed | undefined = undefined;
  nextTimed: Timed | undefined = undefined;
  timedSlot = -1;
  expiredMs = 0;
  error: unknown;

  constructor(afterMs: number, expired: (alarm: Alarm) => void) {
    this.dueMs = performance.now() + afterMs;
    this.#expired = expired;
  }

  failed(error: unknown): void {
    this.error = error;
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

  it('expires some in each turn of those that are due at one moment, and none that is removed meanwhile', async () => {
    const deadlines = new Deadlines();
    const count = 3 * expiredPerTurn;
    const alarms: Alarm[] = [];
    let inTurn = 0;
    let expired = 0;
    await new Promise<void>((resolve) => {
      const expire = (): void => {
        if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
        assert.ok(inTurn <= expiredPerTurn, `${inTurn} in one turn`);
        if (++expired === 1) deadlines.remove(alarms[count - 1]!);
        if (expired === count - 1) setImmediate(resolve);
      };
      // The last stands in front of its slot.
      for (let nth = 0; nth < count; nth++) alarms.push(new Alarm(-1, expire));
      for (const alarm of [...alarms].reverse()) deadlines.add(alarm);
    });
    assert.equal(expired, count - 1);
    assert.equal(alarms[count - 1]!.expiredMs, 0);
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

  it('lets the others expire when one of them throws, and tells that one', async () => {
    const deadlines = new Deadlines();
    const bad = new Alarm(0, () => assert.fail('thrown'));
    await new Promise<void>((resolve) => {
      let left = 2;
      const last = (): void => {
        if (--left === 0) resolve();
      };
      for (const alarm of [new Alarm(0, last), bad, new Alarm(0, last)]) deadlines.add(alarm);
    });
    assert.match(String(bad.error), /thrown/);
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
