import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../src/ports/clock.js';

/** One kind of clock under test. */
export interface ClockKind<C extends Clock> {
  readonly name: string;
  make(): C;
  /** Lets what `until` waits for happen: time passes. */
  run(clock: C, until: Promise<unknown>): Promise<void>;
}

/** Far beyond what one timer of the event loop can wait. */
const yearMs = 365 * 24 * 3600 * 1000;

export function clockContract<C extends Clock>(kind: ClockKind<C>): void {
  describe(`clock: ${kind.name}`, () => {
    const timer = (clock: C, delayMs: number): Promise<void> =>
      new Promise((resolve) => clock.setTimer(delayMs, resolve));
    const turn = (clock: C): Promise<void> => new Promise((resolve) => clock.nextTurn(resolve));

    it('fires a timer once, when its time has passed and not before', async () => {
      const clock = kind.make();
      const started = clock.monotonicMs();
      const waits = [0, 1, 2.5, 7, 20].map(async (delayMs) => {
        let fired = 0;
        await new Promise<void>((resolve) => {
          clock.setTimer(delayMs, () => {
            fired++;
            resolve();
          });
        });
        const passedMs = clock.monotonicMs() - started;
        assert.ok(passedMs >= delayMs, `${passedMs} ms instead of ${delayMs}`);
        await timer(clock, 5);
        assert.equal(fired, 1);
      });
      await kind.run(clock, Promise.all(waits));
    });

    it('fires timers that are well apart in the order of their times', async () => {
      const clock = kind.make();
      const order: number[] = [];
      const waits = [60, 0, 30].map((delayMs) => timer(clock, delayMs).then(() => order.push(delayMs)));
      await kind.run(clock, Promise.all(waits));
      assert.deepEqual(order, [0, 30, 60]);
    });

    it('fires timers that are due nearly together in the order in which they are due', async () => {
      const clock = kind.make();
      const order: number[] = [];
      const asked = Array.from({ length: 2000 }, (_, at) => at);
      const waits = asked.map((at) => timer(clock, 2).then(() => order.push(at)));
      await kind.run(clock, Promise.all(waits));
      assert.deepEqual(order, asked);
    });

    it('calls nothing from within setTimer and nextTurn', async () => {
      const clock = kind.make();
      let within = true;
      const seen: boolean[] = [];
      const waits = [
        new Promise<void>((resolve) => {
          clock.setTimer(0, () => {
            seen.push(within);
            resolve();
          });
        }),
        new Promise<void>((resolve) => {
          clock.nextTurn(() => {
            seen.push(within);
            resolve();
          });
        }),
      ];
      within = false;
      await kind.run(clock, Promise.all(waits));
      assert.deepEqual(seen, [false, false]);
    });

    it('forgets a cancelled timer; cancelling again or too late is harmless', async () => {
      const clock = kind.make();
      const never = clock.setTimer(1, () => assert.fail('it was cancelled'));
      never.cancel();
      never.cancel();
      const rival = clock.setTimer(2, () => {
        other.cancel();
        rival.cancel();
      });
      const other = clock.setTimer(2, () => assert.fail('it was cancelled by one due at the same time'));
      await kind.run(clock, timer(clock, 15));
      rival.cancel();
      await kind.run(clock, timer(clock, 5));
    });

    it('waits with a timer that is far away, and lets it be cancelled', async () => {
      const clock = kind.make();
      const far = [2 ** 31 - 1, 2 ** 31, yearMs, Infinity].map((delayMs) =>
        clock.setTimer(delayMs, () => assert.fail(`${delayMs} ms have not passed`)),
      );
      await kind.run(clock, timer(clock, 15));
      for (const each of far) each.cancel();
    });

    it('refuses a delay that is no time', () => {
      const clock = kind.make();
      for (const delayMs of [-1, NaN]) {
        assert.throws(() => clock.setTimer(delayMs, () => {}), /timer delay/);
      }
    });

    it('runs turns in the order asked for, and what a turn asks for in a later one', async () => {
      const clock = kind.make();
      const seen: string[] = [];
      clock.nextTurn(() => {
        seen.push('first');
        clock.nextTurn(() => seen.push('later'));
      });
      clock.nextTurn(() => seen.push('second'));
      await kind.run(
        clock,
        turn(clock).then(() => turn(clock)),
      );
      assert.deepEqual(seen, ['first', 'second', 'later']);
    });

    it('goes on in both its times, and never back in the monotonic one', async () => {
      const clock = kind.make();
      const wallStartMs = clock.wallMs();
      let lastMs = clock.monotonicMs();
      for (let round = 0; round < 10; round++) {
        await kind.run(clock, timer(clock, 1));
        const nowMs = clock.monotonicMs();
        assert.ok(nowMs > lastMs);
        lastMs = nowMs;
      }
      assert.ok(clock.wallMs() > wallStartMs);
    });
  });
}
