import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId, Term } from '../base/ids.js';
import type { Raft } from '../raft/raft.js';
import type { BackendOperation } from '../storage/backend/memory-backend.js';
import { Gate } from './testing/gate.js';
import { put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

interface Scene {
  readonly cluster: MemoryCluster;
  readonly leader: Machine;
  readonly successor: Machine;
  /** Installs a snapshot, and does not come to its end before the gate is opened. */
  readonly installing: Machine;
  readonly gate: Gate;
}

/** One of three installs a snapshot, and is held up in `operation`. */
async function installation(operation: BackendOperation, seed: number): Promise<Scene> {
  const cluster = await MemoryCluster.of(3, seed, { logEntriesKept: 20 });
  const leader = cluster.leaderMachine();
  const [installing, successor] = cluster.followers() as [Machine, Machine];
  cluster.crash(installing);
  for (let at = 0; at < 40; at++) await cluster.settled(put(leader.member, `k${at}`, 'v'));
  const gate = new Gate();
  installing.backend.faults = (each) => (each === operation ? gate.pass() : undefined);
  await cluster.start(installing);
  await cluster.until(() => gate.arrivals > 0);
  return { cluster, leader, successor, installing, gate };
}

/** The leader dies, and nobody but the one that installs can elect the other. */
async function elect({ cluster, leader, successor, installing }: Scene): Promise<void> {
  cluster.crash(leader);
  const { electionTimeoutMs } = cluster.options;
  await cluster.until(() => successor.member.status().role === 'leader', 5 * electionTimeoutMs);
  await cluster.until(() => installing.member.status().leader === successor.id, electionTimeoutMs);
}

for (const operation of ['add', 'activate'] as const) {
  void test(`a member votes while it installs a snapshot, in ${operation}`, async () => {
    const scene = await installation(operation, 71);
    const { cluster, leader, successor, installing, gate } = scene;
    const before = installing.member.status().appliedIndex;
    await elect(scene);
    const { term } = successor.member.status();
    // It answers the new leader: that one would step down without a majority.
    await cluster.clock.advanceAsync(4 * cluster.options.electionTimeoutMs);
    assert.equal(successor.member.status().role, 'leader');
    assert.equal(successor.member.status().term, term);
    // It counts for nothing but votes: with another one, writes go on.
    assert.equal(installing.member.status().appliedIndex, before);
    await cluster.start(leader);
    await cluster.settled(put(successor.member, 'meanwhile', 'v'));
    assert.equal(installing.member.status().appliedIndex, before);
    gate.open();
    const { commitIndex } = successor.member.status();
    await cluster.until(() => installing.member.status().appliedIndex >= commitIndex);
    assert.equal(installing.member.hash(), successor.member.hash());
  });
}

void test('nothing is committed on the word of a member that installs a snapshot', async () => {
  const scene = await installation('activate', 72);
  const { cluster, successor, installing, gate } = scene;
  await elect(scene);
  const { commitIndex } = successor.member.status();
  const acknowledgements: number[] = [];
  cluster.network.hold(({ from, message }) => {
    if (from === installing.id && message?.type === 'append-response') acknowledgements.push(message.index);
    return false;
  });
  const written = put(successor.member, 'later', 'v', { timeoutMs: 60_000 });
  await cluster.clock.advanceAsync(4 * cluster.options.electionTimeoutMs);
  assert.equal(successor.member.status().commitIndex, commitIndex);
  assert.deepEqual(acknowledgements, []);
  gate.open();
  // The leader asks with each heartbeat: what waits says all of it once.
  await cluster.until(() => acknowledgements.length > 0);
  assert.ok(acknowledgements.length <= 4, `${acknowledgements.length} acknowledgements`);
  await cluster.settled(written);
  assert.equal(installing.member.hash(), successor.member.hash());
});

void test('a member that installs a snapshot does not stand for election', async () => {
  const { cluster, leader, successor, installing, gate } = await installation('activate', 73);
  const { term } = installing.member.status();
  cluster.crash(leader);
  cluster.crash(successor);
  await cluster.clock.advanceAsync(10 * cluster.options.electionTimeoutMs);
  assert.equal(installing.member.status().role, 'follower');
  assert.equal(installing.member.status().term, term);
  await cluster.start(leader);
  gate.open();
  await cluster.until(() => cluster.leader() !== undefined);
});

/** What it says to a candidate whose log is as good as any. */
function answerTo(raft: Raft, from: MemberId, to: MemberId, term: Term): boolean | undefined {
  const log = { lastIndex: 1_000_000, lastTerm: term };
  const objection = raft.step({
    ...{ type: 'vote-request', from, to, term, preVote: false, transfer: true },
    ...log,
  });
  assert.equal(objection, undefined);
  const { messages, messagesAfterHardState } = raft.ready();
  const answer = [...messages, ...messagesAfterHardState].find(({ type }) => type === 'vote-response');
  return answer?.type === 'vote-response' ? answer.granted : undefined;
}

/**
 * The machine of the member that installs loses its power behind so many operations of its disks after its vote.
 * @returns false when the installation has ended before
 */
async function loseAfterVote(operations: number): Promise<boolean> {
  const scene = await installation('activate', 74);
  const { cluster, leader, successor, installing, gate } = scene;
  await elect(scene);
  const { term } = successor.member.status();
  let left = operations;
  const reached = new Gate();
  const held = (): Promise<undefined> | undefined => (left-- > 0 ? undefined : reached.pass());
  installing.disk.faults = held;
  installing.backend.faults = held;
  gate.open();
  const installed = (): boolean => installing.member.status().appliedIndex > 40;
  await cluster.until(() => reached.arrivals > 0 || installed());
  if (reached.arrivals === 0) return false;
  cluster.crash(installing);
  const { raft, wal, machine } = await cluster.openApart(installing);
  const behind = `behind ${operations} operations, at ${machine.applied.index}`;
  assert.equal(raft.term, term, behind);
  assert.equal(answerTo(raft, leader.id, installing.id, term), false, behind);
  assert.equal(answerTo(raft, successor.id, installing.id, term), true, behind);
  await wal.close();
  await cluster.start(installing);
  await cluster.settled(put(successor.member, 'later', 'v'));
  await cluster.until(() => installing.member.hash() === successor.member.hash());
  return true;
}

void test('wherever an installation is cut short, the vote that was given meanwhile stays', async () => {
  let operations = 0;
  while (await loseAfterVote(operations)) operations++;
  assert.ok(operations > 10, `${operations} operations`);
});
