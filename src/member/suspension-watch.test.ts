import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SuspensionWatch } from './suspension-watch.js';

void test('time that the monotonic clock does not tell is noticed once, also where it comes bit by bit', () => {
  const now = { monotonicMs: 5000, wallMs: 1_000_000 };
  const clock = {
    monotonicMs: () => now.monotonicMs,
    wallMs: () => now.wallMs,
    setTimer: () => ({ cancel: () => {} }),
    nextTurn: () => {},
  };
  const watch = new SuspensionWatch(clock, 100);
  const pass = (monotonicMs: number, wallMs = monotonicMs): boolean => {
    now.monotonicMs += monotonicMs;
    now.wallMs += wallMs;
    return watch.noticed();
  };
  assert.ok(!pass(10_000));
  assert.ok(pass(1, 2000), 'suspended for two seconds');
  assert.ok(!pass(1000));
  assert.ok(!pass(10, 70));
  assert.ok(pass(10, 70), 'twice 60 ms');
  assert.ok(pass(10, -5000), 'the wall clock was set back');
});
