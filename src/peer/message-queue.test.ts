import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../raft/types.js';
import { MessageQueue } from './message-queue.js';

const head = { from: 1n, to: 2n, term: 1 };
const heartbeat = (commit: number): Message => ({
  type: 'heartbeat',
  ...head,
  commit,
  readRound: 0,
  leaseReads: false,
});
const append = (previousIndex: number, sizeBytes = 0): Message => ({
  type: 'append',
  ...head,
  previousIndex,
  previousTerm: 1,
  commit: 0,
  entries: [{ index: previousIndex + 1, term: 1, type: 'normal', data: new Uint8Array(sizeBytes) }],
});

void test('the oldest heartbeat gives way before an append', () => {
  const queue = new MessageQueue({ messagesMax: 3, sizeBytesMax: 1e6 });
  for (const message of [append(1), heartbeat(1), heartbeat(2), append(2)]) queue.push(message);
  assert.deepEqual(queue.take(1e6).messages, [append(1), heartbeat(2), append(2)]);
  assert.equal(queue.dropped, 1);
});

void test('without a heartbeat the oldest message gives way', () => {
  const queue = new MessageQueue({ messagesMax: 2, sizeBytesMax: 1e6 });
  for (const message of [append(1), append(2), append(3)]) queue.push(message);
  assert.deepEqual(queue.take(1e6).messages, [append(2), append(3)]);
});

void test('bytes are limited too, but one message always fits', () => {
  const queue = new MessageQueue({ messagesMax: 100, sizeBytesMax: 1000 });
  queue.push(append(1, 5000));
  assert.equal(queue.length, 1);
  queue.push(append(2, 500));
  assert.deepEqual(queue.take(1e6).messages, [append(2, 500)]);
  assert.equal(queue.length, 0);
});

void test('a batch ends before it is too large, and holds at least one', () => {
  const queue = new MessageQueue();
  for (let at = 1; at <= 4; at++) queue.push(append(at, 1000));
  assert.equal(queue.take(2500).messages.length, 2);
  assert.equal(queue.take(1).messages.length, 1);
  assert.equal(queue.take(1e6).messages.length, 1);
  assert.equal(queue.take(1e6).messages.length, 0);
});

void test('whatever gives way, the order stays, and what was taken is not dropped once more', () => {
  const queue = new MessageQueue({ messagesMax: 4, sizeBytesMax: 1e6 });
  for (const message of [heartbeat(1), append(1), heartbeat(2)]) queue.push(message);
  assert.deepEqual(queue.take(1).messages, [heartbeat(1)]);
  for (let at = 3; at < 5000; at++) queue.push(heartbeat(at));
  for (const message of [append(2), append(3), append(4)]) queue.push(message);
  assert.equal(queue.length, 4);
  assert.deepEqual(queue.take(1e6).messages, [append(1), append(2), append(3), append(4)]);
  assert.equal(queue.length, 0);
  queue.push(append(5));
  queue.clear();
  assert.deepEqual(queue.take(1e6).messages, []);
});

void test('a full queue takes a message in the same time as an empty one', () => {
  const queue = new MessageQueue();
  const began = process.cpuUsage();
  for (let at = 0; at < 500_000; at++) queue.push(append(at));
  const { user, system } = process.cpuUsage(began);
  // Looking through all that wait would take 20 s.
  assert.ok(user + system < 4e6, `${(user + system) / 1e6} s`);
  assert.equal(queue.length, 4096);
});
