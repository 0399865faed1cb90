import test from 'node:test';
import assert from 'node:assert/strict';
import { InvariantError } from '../base/assert.js';
import { Prng } from '../base/prng.js';
import { encodeConfigChange, votersConfig } from './config-change.js';
import { indexMax, termJumpMax, termMarkTicks } from './plausible.js';
import { ForwardedProposals, forwardedMax } from './forwarded-proposals.js';
import { heldMax, ProposalLedger, proposerRunsMax } from './proposal-ledger.js';
import { Raft } from './raft.js';
import { ReadQueue, raftReadsMax } from './read-queue.js';
import { Cluster, defaultClusterOptions } from './testing/cluster.js';
import { genesis } from './testing/stable-store.js';
import type { Message } from './types.js';

function elected(): Cluster {
  const cluster = new Cluster([1n, 2n, 3n], defaultClusterOptions, 1);
  cluster.input(1n, (raft) => raft.campaign());
  cluster.stabilize();
  return cluster;
}

void test('reads beyond the limit are not answered, those before it are', () => {
  const cluster = elected();
  let answered = 0;
  const { raft } = cluster.member(1n);
  for (let context = 1; context <= raftReadsMax + 1; context++) raft.readIndex(context);
  const message = raft.ready().messages.find((sent) => sent.to === 2n)!;
  assert.equal(message.type, 'heartbeat');
  raft.step({ type: 'heartbeat-response', from: 2n, to: 1n, term: 1, readRound: 1 });
  answered += raft.ready().readStates.length;
  assert.equal(answered, raftReadsMax);
});

void test('questions to the leader beyond the limit make the oldest give way', () => {
  const queue = new ReadQueue();
  for (let wire = 1; wire <= raftReadsMax + 1; wire++) queue.ask(wire, wire);
  assert.equal(queue.asked.size, raftReadsMax);
  assert.ok(!queue.asked.has(1));
});

function record(ledger: ProposalLedger, from: bigint, id: number): void {
  ledger.record(from, id, { kind: 'appended', term: 3, index: id % 2 ** 32 });
}

void test('what was decided is remembered of the newest proposals of each run, also out of order', () => {
  const ledger = new ProposalLedger(4);
  const run = 7 * 2 ** 32;
  for (const id of [3, 1, 2, 40]) record(ledger, 2n, run + id);
  for (const id of [1, 2, 3, 40])
    assert.deepEqual(ledger.outcome(2n, run + id), { kind: 'appended', term: 3, index: id });
  assert.ok(!ledger.isForgotten(2n, run + 5));
  record(ledger, 2n, run + 5);
  assert.equal(ledger.outcome(2n, run + 1), undefined);
  assert.ok(ledger.isForgotten(2n, run + 1), 'nobody knows what was decided');
  assert.ok(!ledger.isForgotten(2n, run + 4), 'it has not come yet');
  assert.equal(ledger.outcome(3n, run + 3), undefined);
  assert.throws(() => record(ledger, 2n, run + 5), /decided once/);
});

void test('runs of a proposer beyond the limit make the oldest give way', () => {
  const ledger = new ProposalLedger();
  for (let run = 1; run <= proposerRunsMax + 1; run++) record(ledger, 2n, run * 2 ** 32 + 1);
  assert.notEqual(ledger.outcome(2n, 2 * 2 ** 32 + 1), undefined);
  assert.equal(ledger.outcome(2n, 2 ** 32 + 1), undefined);
});

void test('what overtakes its predecessor waits for it, each once and up to the limit', () => {
  const ledger = new ProposalLedger();
  const message = (proposalId: number): Extract<Message, { type: 'propose' }> => ({
    ...{ type: 'propose', from: 1n, to: 2n, term: 3, proposalId, entryType: 'normal' },
    ...{ data: new Uint8Array(), configIndex: 0, behindId: proposalId - 1 },
  });
  for (let id = 2; id <= heldMax + 2; id++) ledger.hold(message(id));
  ledger.hold(message(2));
  assert.equal(ledger.takeBehind({ ...message(1), from: 5n }), undefined, 'of another member');
  assert.equal(ledger.takeBehind(message(1))?.proposalId, 2);
  assert.equal(ledger.takeBehind(message(1)), undefined);
  assert.equal(ledger.takeBehind(message(heldMax))?.proposalId, heldMax + 1);
  assert.equal(ledger.takeBehind(message(heldMax + 1)), undefined, 'one too many');
  ledger.end();
  assert.equal(ledger.takeBehind(message(2)), undefined);
});

void test('proposals without an answer are bounded in number and age', () => {
  const forwarded = new ForwardedProposals(20);
  const message = (proposalId: number): Extract<Message, { type: 'propose' }> => ({
    ...{ type: 'propose', from: 1n, to: 2n, term: 3, proposalId, entryType: 'normal' },
    ...{ data: new Uint8Array(), configIndex: 0, behindId: proposalId - 1 },
  });
  for (let id = 1; id <= forwardedMax; id++) {
    assert.ok(!forwarded.full(3));
    forwarded.add(message(id), id);
  }
  assert.ok(forwarded.full(3));
  assert.ok(!forwarded.full(4), 'of another term there are none');
  forwarded.settled(2, true, 16);
  assert.deepEqual(
    forwarded
      .overdue(3, 23)
      .map(({ proposalId, behindId }) => [proposalId, behindId])
      .slice(0, 2),
    [
      [3, 0],
      [4, 3],
    ],
    'the first has been given up, nobody waits for it',
  );
  assert.equal(forwarded.newestId(3), forwardedMax);
  assert.deepEqual(
    forwarded.settled(6, false, 24).map(({ proposalId }) => proposalId),
    [3, 4, 5],
    'what stands before one that is decided is decided too',
  );
  assert.deepEqual(forwarded.settled(7, false, 24), [], 'and is asked for once a tick');
  assert.deepEqual(forwarded.overdue(3, 60), []);
  assert.equal(forwarded.newestId(3), 0);
});

void test('proposals go no further apart than a leader remembers, whatever has been answered between them', () => {
  const forwarded = new ForwardedProposals(1000, 4);
  const add = (proposalId: number, entryType: 'normal' | 'config' = 'normal'): void => {
    assert.ok(!forwarded.full(3), `${proposalId}`);
    const behindId = entryType === 'normal' ? forwarded.newestId(3) : 0;
    forwarded.add(
      {
        ...{ type: 'propose', from: 1n, to: 2n, term: 3 },
        ...{ proposalId, entryType, behindId },
        data,
        configIndex: 0,
      },
      0,
    );
  };
  const data = new Uint8Array();
  for (const id of [1, 2, 3, 4]) add(id);
  for (const id of [2, 3, 4]) forwarded.settled(id, true, 0);
  assert.ok(forwarded.full(3), 'the answer to the first is lost');
  forwarded.settled(1, true, 0);
  add(5);
  add(6);
  forwarded.settled(5, false, 0);
  add(7, 'config');
  add(8, 'config');
  forwarded.settled(7, true, 0);
  forwarded.settled(8, true, 0);
  assert.ok(forwarded.full(3), 'one was turned down, which decides on what goes behind it');
  forwarded.settled(6, false, 0);
  for (const id of [9, 10, 11, 12]) add(id);
  assert.ok(forwarded.full(3));
  forwarded.applied(9, 0);
  add(13);
  assert.ok(forwarded.full(3));
  assert.ok(!forwarded.full(4));
});

void test('a term that jumps is followed up to the limit, and beyond it changes nothing', () => {
  const heartbeat = (term: number): Message => ({
    ...{ type: 'heartbeat', from: 2n, to: 1n, term, commit: 0, readRound: 0, leaseReads: false },
  });
  const { raft } = elected().member(1n);
  // From the term in which this member began: 0.
  assert.match(raft.step(heartbeat(termJumpMax + 1))!, /term 4294967297/);
  assert.equal(raft.term, 1);
  assert.equal(raft.hasReady() ? raft.ready().hardState : undefined, undefined);
  assert.equal(raft.step(heartbeat(termJumpMax)), undefined);
  assert.equal(raft.term, termJumpMax);
});

void test('one jump behind the other comes no further than one, for a long while', () => {
  const heartbeat = (term: number): Message => ({
    ...{ type: 'heartbeat', from: 2n, to: 1n, term, commit: 0, readRound: 0, leaseReads: false },
  });
  const { raft } = elected().member(1n);
  for (let jump = 1; jump <= 3; jump++) raft.step(heartbeat(raft.term + termJumpMax - 1));
  assert.equal(raft.term, termJumpMax);
  for (let ticks = 0; ticks < termMarkTicks; ticks++) raft.tick();
  const { term } = raft;
  assert.match(raft.step(heartbeat(term + termJumpMax + 1))!, /of late/);
  assert.equal(raft.step(heartbeat(term + termJumpMax)), undefined);
});

void test('an index beyond the limit is refused in whatever message it stands', () => {
  const { raft } = elected().member(2n);
  const envelope = { from: 1n, to: 2n, term: 1 };
  const index = indexMax + 1;
  const config = votersConfig([1n, 2n, 3n]);
  const messages: Message[] = [
    { ...envelope, type: 'append', previousIndex: index, previousTerm: 1, entries: [], commit: 0 },
    { ...envelope, type: 'append', previousIndex: 1, previousTerm: 1, entries: [], commit: index },
    { ...envelope, type: 'heartbeat', commit: index, readRound: 0, leaseReads: false },
    { ...envelope, type: 'vote-request', preVote: true, lastIndex: index, lastTerm: 1, transfer: false },
    { ...envelope, type: 'read-index-response', context: 1, index },
    { ...envelope, type: 'snapshot', snapshot: { index, term: 1, configIndex: 0, config } },
  ];
  for (const message of messages) assert.match(raft.step(message)!, /index/, message.type);
});

void test('a change of members that does not fit the configuration is not taken from a leader', () => {
  const { raft } = elected().member(2n);
  const { lastIndex } = raft;
  const odd = [
    encodeConfigChange({ changes: [{ kind: 'remove', id: 9n }], context: new Uint8Array(0) }),
    encodeConfigChange({ changes: [], context: new Uint8Array(0) }),
    Uint8Array.of(1, 77),
  ];
  for (const data of odd) {
    const entries = [{ index: lastIndex + 1, term: 1, type: 'config' as const, data }];
    const head = { from: 1n, to: 2n, term: 1, previousIndex: lastIndex, previousTerm: 1, commit: lastIndex };
    raft.step({ ...head, type: 'append', entries });
    assert.equal(raft.lastIndex, lastIndex);
  }
});

void test('odd messages are ignored', () => {
  const cluster = elected();
  const envelope = { from: 9n, to: 1n, term: 1 };
  const odd: Message[] = [
    { ...envelope, to: 2n, type: 'timeout-now' },
    { ...envelope, from: 1n, type: 'timeout-now' },
    { ...envelope, type: 'timeout-now' },
    { ...envelope, type: 'append', previousIndex: 0, previousTerm: 0, entries: [], commit: 99 },
    { ...envelope, type: 'heartbeat', commit: 99, readRound: 99, leaseReads: false },
    { ...envelope, type: 'heartbeat-response', readRound: 99 },
    { ...envelope, from: 2n, type: 'heartbeat-response', readRound: 99 },
    { ...envelope, type: 'append-response', index: 99, rejected: false, hintIndex: 0, hintTerm: 0 },
    { ...envelope, from: 2n, type: 'append-response', index: 99, rejected: false, hintIndex: 0, hintTerm: 0 },
    {
      ...envelope,
      from: 2n,
      type: 'append-response',
      index: 99,
      rejected: true,
      hintIndex: 99,
      hintTerm: 99,
    },
    { ...envelope, type: 'vote-response', preVote: false, granted: true },
    { ...envelope, type: 'read-index-response', context: 5, index: 5 },
    {
      ...envelope,
      type: 'propose-response',
      proposalId: 5,
      outcome: { kind: 'dropped', reason: 'no-leader' },
    },
    { ...envelope, type: 'transfer-leader', target: 9n },
    {
      ...envelope,
      type: 'propose',
      proposalId: 1,
      entryType: 'config',
      data: new Uint8Array(3),
      configIndex: 0,
      behindId: 0,
    },
    { ...envelope, type: 'snapshot', snapshot: { ...genesis(), index: 9, term: 1 } },
  ];
  for (const message of odd) cluster.input(1n, (raft) => raft.step(message));
  const gap = { term: 1, index: 7, type: 'empty' as const, data: new Uint8Array() };
  cluster.input(2n, (raft) =>
    raft.step({
      ...envelope,
      from: 1n,
      to: 2n,
      type: 'append',
      previousIndex: 1,
      previousTerm: 1,
      entries: [gap],
      commit: 7,
    }),
  );
  cluster.stabilize();
  const { raft } = cluster.member(1n);
  assert.deepEqual([raft.role, raft.term, raft.commit, raft.lastIndex], ['leader', 1, 1, 1]);
  assert.equal(cluster.member(2n).raft.lastIndex, 1);
});

void test('misuse by the caller is a bug: it throws', () => {
  const { raft } = elected().member(1n);
  assert.throws(() => raft.persisted(99), InvariantError);
  assert.throws(() => raft.applied(99), InvariantError);
  const options = { ...defaultClusterOptions, id: 1n, random: new Prng(1) };
  const snapshot = genesis(votersConfig([1n]));
  const hardState = { term: 1, vote: 0n, commit: 5 };
  assert.throws(() => new Raft(options, { hardState, snapshot, entries: [], applied: 0 }), InvariantError);
});

void test('a transfer that is given up does not make its target stand behind what came since', () => {
  const cluster = new Cluster([1n, 2n, 3n], { ...defaultClusterOptions, checkQuorum: false }, 1);
  cluster.input(1n, (raft) => raft.campaign());
  cluster.stabilize();
  const { raft } = cluster.member(1n);
  raft.transferLeadership(2n);
  for (let tick = 0; tick < defaultClusterOptions.electionTicks; tick++) raft.tick();
  raft.propose(Buffer.from('more'));
  const { entries, messages, messagesAfterHardState, messagesAfterPersist } = raft.ready();
  assert.equal(entries.length, 1);
  const all = [...messages, ...messagesAfterHardState, ...messagesAfterPersist];
  assert.ok(all.every(({ type }) => type !== 'timeout-now'));
});
