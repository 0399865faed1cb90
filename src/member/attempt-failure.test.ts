import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttemptFailure, failureLogIntervalMs } from './attempt-failure.js';

void test('what is said again is news once it was told long ago, and what differs in its numbers is the same', () => {
  const failure = new AttemptFailure();
  assert.equal(failure.happened('5 bytes are free', 0), true);
  assert.equal(failure.happened('61 bytes are free', failureLogIntervalMs - 1), false);
  assert.equal(failure.reason, '61 bytes are free');
  assert.equal(failure.happened('7 bytes are free', failureLogIntervalMs), true);
  assert.equal(failure.happened('nobody is there', failureLogIntervalMs), true);
});

void test('a failure that is over has no reason, and is no news if it comes back at once', () => {
  const failure = new AttemptFailure();
  failure.happened('the disk is full', 0);
  failure.over();
  assert.equal(failure.reason, '');
  assert.equal(failure.happened('the disk is full', 1000), false);
  assert.equal(failure.reason, 'the disk is full');
});
