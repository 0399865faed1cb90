import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirtualClock } from './virtual-clock.js';

void test('timers fire in the order of their due times, equals in the order set', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 300 }), (plan) => {
      const clock = new VirtualClock();
      const fired: number[] = [];
      plan.forEach(([delayMs, cancelled], order) => {
        const timer = clock.setTimer(delayMs, () => {
          assert.equal(clock.monotonicMs(), delayMs);
          fired.push(order);
        });
        if (cancelled) timer.cancel();
      });
      const expected = plan
        .map(([delayMs, cancelled], order) => ({ delayMs, cancelled, order }))
        .filter((one) => !one.cancelled)
        .sort((left, right) => left.delayMs - right.delayMs || left.order - right.order)
        .map((one) => one.order);
      clock.advance(60);
      assert.deepEqual(fired, expected);
      assert.equal(clock.monotonicMs(), 60);
      assert.equal(clock.nextTimerMs(), undefined);
    }),
  );
});

void test('turns run before time moves on, those asked for in a turn in the one after', () => {
  const clock = new VirtualClock({ startMs: 5, wallStartMs: 1_000 });
  const seen: string[] = [];
  clock.nextTurn(() => {
    seen.push(`a at ${clock.monotonicMs()}`);
    clock.nextTurn(() => seen.push('c'));
  });
  clock.nextTurn(() => seen.push('b'));
  clock.setTimer(0, () => seen.push('timer'));
  clock.advance(1);
  assert.deepEqual(seen, ['a at 5', 'b', 'c', 'timer']);
  assert.equal(clock.wallMs(), 1_001);
});

void test('code that awaits goes on as time passes', async () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve));
  const work = (async () => {
    for (let round = 0; round < 3; round++) {
      await wait(10);
      seen.push(clock.monotonicMs());
    }
  })();
  await clock.advanceAsync(35);
  await work;
  assert.deepEqual(seen, [10, 20, 30]);
});

void test('code that awaits has come to rest before time passes, wherever the advance is called from', async () => {
  const rest = async (): Promise<number> => {
    let steps = 0;
    for (; steps < 50; steps++) await Promise.resolve();
    return steps;
  };
  const callers: ((call: () => void) => void)[] = [
    (call) => call(),
    setImmediate,
    setTimeout,
    (call) => process.nextTick(call),
    queueMicrotask,
  ];
  for (const from of callers) {
    const clock = new VirtualClock();
    await new Promise<void>((resolve, reject) => {
      from(() => {
        let rested = 0;
        void rest().then((steps) => {
          rested = steps;
          clock.setTimer(1, () => {});
        });
        const timesSeen: number[] = [];
        clock
          .advanceAsync(2, () => {
            assert.equal(rested, 50);
            timesSeen.push(clock.monotonicMs());
            return false;
          })
          .then(() => assert.deepEqual(timesSeen, [0, 1]))
          .then(resolve, reject);
      });
    });
  }
});

void test('an advance ends early when it is told to, and rejects with what a callback throws', async () => {
  const clock = new VirtualClock();
  clock.setTimer(1, () => {});
  await clock.advanceAsync(5, () => clock.monotonicMs() === 1);
  assert.equal(clock.monotonicMs(), 1);
  clock.setTimer(1, () => {
    throw new Error('this');
  });
  await assert.rejects(clock.advanceAsync(5), /this/);
});

void test('a callback may set and cancel timers; cancelling after firing is harmless', () => {
  const clock = new VirtualClock();
  let fired = 0;
  const later = clock.setTimer(2, () => assert.fail('cancelled'));
  const first = clock.setTimer(1, () => {
    fired++;
    later.cancel();
    clock.setTimer(1, () => fired++);
  });
  clock.advance(5);
  first.cancel();
  later.cancel();
  assert.equal(fired, 2);
});
