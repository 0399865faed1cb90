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
const append = (previousIndex: number, sizeBytes = 0, term = 1): Message => ({
  type: 'append',
  ...head,
  term,
  previousIndex,
  previousTerm: 1,
  commit: 0,
  entries: [{ index: previousIndex + 1, term: 1, type: 'normal', data: new Uint8Array(sizeBytes) }],
});
const emptyAppend = (previousIndex: number): Message => ({
  ...{ type: 'append', ...head, previousIndex, previousTerm: 1, commit: 0, entries: [] },
});
const acknowledgement = (index: number): Message => ({
  ...{ type: 'append-response', ...head, index, rejected: false, hintIndex: 0, hintTerm: 0 },
});
const proposal = (proposalId: number, sizeBytes = 0): Message => ({
  ...{ type: 'propose', ...head, proposalId, entryType: 'normal', configIndex: 0, behindId: 0 },
  data: new Uint8Array(sizeBytes),
});

function take(queue: MessageQueue, sizeBytes = 1e6): Message[] {
  const messages = queue.takeUrgent(sizeBytes);
  queue.takeBulk(sizeBytes, messages);
  return messages;
}

void test('what is urgent overtakes entries and proposals, and those keep their order', () => {
  const queue = new MessageQueue();
  const bulk = [append(1, 1000), proposal(1, 1000), append(2), emptyAppend(3), proposal(2)];
  const urgent: Message[] = [
    heartbeat(1),
    heartbeat(2),
    { type: 'heartbeat-response', ...head, readRound: 0 },
    acknowledgement(1),
    { type: 'vote-request', ...head, preVote: true, transfer: false, lastIndex: 1, lastTerm: 1 },
    { type: 'vote-response', ...head, preVote: true, granted: true },
    { type: 'timeout-now', ...head },
    { type: 'transfer-leader', ...head, target: 2n },
    { type: 'read-index', ...head, context: 1 },
    { type: 'read-index-response', ...head, context: 1, index: 1 },
    { type: 'propose-response', ...head, proposalId: 1, outcome: { kind: 'dropped', reason: 'overloaded' } },
  ];
  for (const message of [...bulk, ...urgent]) queue.push(message);
  assert.deepEqual(queue.takeUrgent(1e6), urgent);
  assert.deepEqual(take(queue), bulk);
  assert.equal(queue.length, 0);
});

void test('the oldest heartbeat gives way before an append', () => {
  const queue = new MessageQueue({ messagesMax: 3, sizeBytesMax: 1e6 });
  for (const message of [append(1), heartbeat(1), heartbeat(2), append(2)]) queue.push(message);
  assert.deepEqual(take(queue), [heartbeat(2), append(1), append(2)]);
  assert.equal(queue.dropped, 1);
});

void test('without a heartbeat the oldest of what is large gives way, then the oldest message', () => {
  const queue = new MessageQueue({ messagesMax: 2, sizeBytesMax: 1e6 });
  for (const message of [append(1), append(2), acknowledgement(3)]) queue.push(message);
  assert.deepEqual(take(queue), [acknowledgement(3), append(2)]);
  for (const index of [4, 5, 6]) queue.push(acknowledgement(index));
  assert.deepEqual(take(queue), [acknowledgement(5), acknowledgement(6)]);
});

void test('bytes are limited too, but one message always fits', () => {
  const queue = new MessageQueue({ messagesMax: 100, sizeBytesMax: 1000 });
  queue.push(append(1, 5000));
  assert.equal(queue.length, 1);
  queue.push(append(2, 500));
  assert.deepEqual(take(queue), [append(2, 500)]);
  assert.equal(queue.length, 0);
});

void test('a batch ends before it is too large, and holds at least one', () => {
  const queue = new MessageQueue();
  for (let at = 1; at <= 4; at++) queue.push(append(at, 1000));
  assert.equal(take(queue, 2500).length, 2);
  assert.equal(take(queue, 1).length, 1);
  assert.equal(take(queue).length, 1);
  assert.equal(take(queue).length, 0);
});

void test('appends that wait give way to entries from further back, and to those of another term', () => {
  const queue = new MessageQueue();
  for (const message of [append(1), append(2), proposal(1), append(3), append(2)]) queue.push(message);
  assert.deepEqual(take(queue), [proposal(1), append(2)]);
  assert.equal(queue.dropped, 3);
  for (const message of [append(3), append(4), append(5, 0, 2)]) queue.push(message);
  assert.deepEqual(take(queue), [append(5, 0, 2)]);
  assert.equal(queue.dropped, 5);
});

void test('an append without entries only asks: those before it stay', () => {
  const queue = new MessageQueue();
  const all = [append(1), append(2), emptyAppend(1), emptyAppend(3), append(3)];
  for (const message of all) queue.push(message);
  assert.deepEqual(take(queue), all);
});

void test('whatever gives way, the order stays, and what was taken is not dropped once more', () => {
  const queue = new MessageQueue({ messagesMax: 4, sizeBytesMax: 1e6 });
  for (const message of [heartbeat(1), append(1), heartbeat(2)]) queue.push(message);
  assert.deepEqual(queue.takeUrgent(1), [heartbeat(1)]);
  for (let at = 3; at < 5000; at++) queue.push(heartbeat(at));
  for (const message of [append(2), append(3), append(4)]) queue.push(message);
  assert.equal(queue.length, 4);
  assert.deepEqual(take(queue), [append(1), append(2), append(3), append(4)]);
  assert.equal(queue.length, 0);
  queue.push(append(5));
  queue.clear();
  assert.deepEqual(take(queue), []);
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
