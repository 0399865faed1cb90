import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../base/errors.js';
import type { LevelRange } from '../base/feature-levels.js';
import type { Entry, Message } from '../raft/types.js';
import type { NetworkConditions } from '../peer/memory-network.js';
import type { MemberOptions } from './options.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

const old: LevelRange = { min: 1, max: 1 };
const newer: LevelRange = { min: 1, max: 2 };

/** A cluster whose founder holds it at level 1, all of whose members run `levels`. */
async function clusterAt1(
  count: number,
  seed: number,
  levels: LevelRange,
  network: Partial<NetworkConditions> = {},
  options: Partial<MemberOptions> = {},
): Promise<MemoryCluster> {
  const cluster = new MemoryCluster(seed, { logEntriesKept: 20, ...options }, network);
  for (let at = 0; at < count; at++) {
    const machine = cluster.machine();
    machine.levels = at === 0 ? old : levels;
    if (at > 0) {
      await cluster.join(machine, cluster.machines[0]!);
      continue;
    }
    await cluster.start(machine, { found: true });
    await cluster.until(() => machine.member.status().role === 'leader');
  }
  await cluster.until(() => cluster.allVoters(count));
  return cluster;
}

async function install(cluster: MemoryCluster, machine: Machine, levels: LevelRange): Promise<void> {
  await cluster.stop(machine);
  machine.levels = levels;
  await cluster.start(machine);
}

function levelsOf(cluster: MemoryCluster): number[] {
  return cluster.machines.filter((each) => each.running).map((each) => each.member.status().featureLevel);
}

/** Waits until the member has ended by itself, because its version does not know the level. */
async function endsUnsuitable(cluster: MemoryCluster, machine: Machine): Promise<void> {
  await cluster.until(() => machine.life!.stopped !== undefined);
  const { stopped } = machine.life!;
  assert.ok(stopped?.kind === 'failed' && stopped.error instanceof KvorumError, JSON.stringify(stopped));
  assert.equal(stopped.error.code, 'VERSION_MISMATCH');
  assert.match(stopped.error.message, /feature level 2, this version of Kvorum knows 1: a newer version/);
}

void test('a new cluster is at the highest level of its founder, as far as its operator lets it', async () => {
  for (const [held, level] of [
    [Infinity, 2],
    [1, 1],
  ] as const) {
    const cluster = new MemoryCluster(100);
    const founder = cluster.machine();
    founder.levels = newer;
    founder.levelHeldMax = held;
    await cluster.start(founder, { found: true });
    await cluster.until(() => founder.member.status().role === 'leader');
    assert.equal(founder.member.status().featureLevel, level);
  }
});

void test('the level is raised once the last member knows the next, be it a learner, and not before', async () => {
  const cluster = await clusterAt1(3, 101, newer);
  const [founder] = cluster.machines;
  await cluster.settled(put(founder!.member, 'a', '1'));
  await cluster.clock.advanceAsync(5000);
  assert.deepEqual(levelsOf(cluster), [1, 1, 1]);
  assert.throws(() => founder!.member.requireLevel(2, 'a lease'), { code: 'FEATURE_NOT_ENABLED' });
  // One that has joined and was never up counts too.
  const late = { id: 900n, name: 'late', peerAddress: 'late:1' };
  await cluster.settled(cluster.machines[1]!.member.join(late));
  await install(cluster, founder!, newer);
  await cluster.clock.advanceAsync(5000);
  assert.deepEqual(levelsOf(cluster), [1, 1, 1]);
  await cluster.settled(cluster.machines[1]!.member.removeMember(900n));
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  for (const { member } of cluster.machines) member.requireLevel(2, 'a lease');
  assert.ok(
    cluster.events.some((event) => event.endsWith('feature level of the cluster {"featureLevel":2}')),
  );
  assert.equal(new Set(cluster.machines.map((each) => each.member.hash())).size, 1);
});

void test('an operator holds the level, and installs the older version again meanwhile', async () => {
  const cluster = await clusterAt1(3, 102, newer);
  const [founder, second] = cluster.machines as [Machine, Machine];
  await cluster.stop(second);
  second.levelHeldMax = 1;
  await cluster.start(second);
  await cluster.until(() => cluster.leader() !== undefined);
  await install(cluster, founder, newer);
  await cluster.clock.advanceAsync(5000);
  assert.deepEqual(levelsOf(cluster), [1, 1, 1]);
  await install(cluster, founder, old);
  await cluster.settled(put(founder.member, 'a', '1'));
  await install(cluster, founder, newer);
  await cluster.stop(second);
  second.levelHeldMax = Infinity;
  await cluster.start(second);
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  // Nobody holds back what has been reached.
  await cluster.stop(second);
  second.levelHeldMax = 1;
  await cluster.start(second);
  await cluster.settled(put(second.member, 'b', '2'));
  assert.deepEqual(second.member.status().levels, newer);
});

void test('a version that is too old does not start from a state of the new level', async () => {
  const cluster = await clusterAt1(2, 103, newer);
  const [founder, second] = cluster.machines as [Machine, Machine];
  await install(cluster, founder, newer);
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  await cluster.stop(second);
  second.levels = old;
  assert.equal(await cluster.refusal(cluster.start(second)), 'VERSION_MISMATCH');
  second.levels = newer;
  await cluster.start(second);
  await cluster.settled(put(second.member, 'a', '1'));
});

void test('a version that is too old ends at the entry that raises the level, and has applied nothing of it', async () => {
  const cluster = await clusterAt1(3, 104, newer);
  const [founder, second, third] = cluster.machines as [Machine, Machine, Machine];
  await cluster.stop(third);
  await install(cluster, founder, newer);
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  await cluster.settled(put(second.member, 'a', 'of the new level'));
  third.levels = old;
  await cluster.start(third);
  const joining = third.member.join({ id: 901n, name: 'late', peerAddress: 'late:1' });
  assert.equal(await cluster.refusal(joining), 'MEMBER_STOPPING', 'it is not the joiner that is too old');
  await endsUnsuitable(cluster, third);
  assert.equal(third.member.status().featureLevel, 1);
  third.levels = newer;
  third.life = undefined;
  await cluster.start(third);
  assert.equal(await cluster.settled(get(third.member, 'a')), 'of the new level');
});

void test('a version that is too old ends at the offer of a snapshot, and takes nothing in', async () => {
  const cluster = await clusterAt1(3, 105, newer);
  const [founder, second, third] = cluster.machines as [Machine, Machine, Machine];
  await cluster.stop(third);
  await install(cluster, founder, newer);
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  for (let at = 0; at < 60; at++) await cluster.settled(put(second.member, `k${at}`, 'v'));
  await cluster.clock.advanceAsync(1000);
  third.levels = old;
  const { index } = third.backend.applied;
  await cluster.start(third);
  await endsUnsuitable(cluster, third);
  assert.equal(third.backend.applied.index, index);
});

void test('what a version that is too old cannot read behind such an entry does not enter its log', async () => {
  const cluster = await clusterAt1(3, 106, newer);
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers() as [Machine];
  await cluster.stop(follower);
  follower.levels = old;
  await cluster.start(follower);
  await cluster.until(() => follower.member.status().leader !== 0n);
  const { lastIndex, term } = follower.member.status();
  // A batch of one command: to raise the level to 2, or one that there is not yet.
  const batch = (...command: number[]): Uint8Array =>
    Uint8Array.of(1, ...new Array<number>(8).fill(9), 1, 1, ...command);
  const entries: Entry[] = [batch(8, 2), batch(200)].map((data, at) => ({
    ...{ index: lastIndex + 1 + at, term, data },
    type: 'normal',
  }));
  const append = { type: 'append', previousIndex: lastIndex, previousTerm: term, commit: 0, entries };
  const message = { from: leader.id, to: follower.id, term, ...append } as Message;
  cluster.network.at(follower.address)!.deliver(leader.life!.peers.identity, message);
  assert.equal(follower.member.status().lastIndex, lastIndex + 1);
  assert.ok(follower.running);
});

void test('whoever joins with a version that does not fit is refused, and is in no table', async () => {
  const cluster = await clusterAt1(2, 107, newer);
  const [founder] = cluster.machines as [Machine];
  const join = (levels?: LevelRange): Promise<unknown> =>
    founder.member.join({
      id: 901n,
      name: 'late',
      peerAddress: 'late:1',
      ...(levels === undefined ? {} : { levels }),
    });
  assert.equal(await cluster.refusal(join({ min: 2, max: 3 })), 'VERSION_MISMATCH');
  await install(cluster, founder, newer);
  await cluster.until(() => levelsOf(cluster).every((level) => level === 2));
  assert.equal(await cluster.refusal(join(old)), 'VERSION_MISMATCH');
  assert.equal(await cluster.refusal(join()), 'VERSION_MISMATCH');
  assert.equal((await cluster.settled(founder.member.members())).length, 2);
  await cluster.settled(join({ min: 2, max: 3 }));
});

void test('a raise that a member does not know by the time it is applied has no effect', async () => {
  const cluster = await clusterAt1(2, 108, old);
  const leader = cluster.leader()!;
  const result = await cluster.settled(leader.write({ type: 'raise-level', level: 2 }));
  assert.ok(result.type === 'raise-level' && result.level === 1);
  assert.deepEqual(levelsOf(cluster), [1, 1]);
});

/** A cluster of three, one of which was cut off after it had `late` let in, which the raise of the level overtook. */
interface Overtaken {
  readonly cluster: MemoryCluster;
  readonly leader: Machine;
  readonly through: Machine;
  readonly late: Machine;
  readonly joined: Promise<unknown>;
}

/** The last member of the older version has just been replaced: the level is about to rise. */
async function risingCluster(options: Partial<MemberOptions>): Promise<MemoryCluster> {
  const cluster = await clusterAt1(3, 109, newer, { latencyMsMin: 40, latencyMsMax: 40 }, options);
  await install(cluster, cluster.machines[0]!, newer);
  await cluster.until(() => cluster.leader() !== undefined);
  return cluster;
}

/** @returns undefined: it was refused, or kept the level down */
async function overtakenAt(atMs: number, options: Partial<MemberOptions>): Promise<Overtaken | undefined> {
  const cluster = await risingCluster(options);
  await cluster.clock.advanceAsync(atMs - cluster.clock.monotonicMs());
  const [leader, through] = [cluster.leaderMachine(), cluster.followers()[0]!];
  const late = cluster.machine();
  const { id, name, address: peerAddress } = late;
  const outcome = { refused: false };
  const joined = through.member.join({ id, name, peerAddress, levels: old });
  joined.catch(() => {
    outcome.refused = true;
  });
  await cluster.until(() => outcome.refused || leader.member.config.learners.includes(id));
  if (outcome.refused || leader.member.status().featureLevel === 1) return undefined;
  cluster.network.partition([through.id], [leader.id, id, cluster.followers()[1]!.id]);
  return { cluster, leader, through, late, joined };
}

async function overtaken(options: Partial<MemberOptions> = {}): Promise<Overtaken> {
  const rising = await risingCluster(options);
  await rising.until(() => rising.leader()?.status().featureLevel === 2);
  const raisedMs = rising.clock.monotonicMs();
  for (let beforeMs = 300; beforeMs > 0; beforeMs -= 20) {
    const found = await overtakenAt(raisedMs - beforeMs, options);
    if (found !== undefined) return found;
  }
  throw new Error('no join is overtaken');
}

void test('a join that the raise overtakes is refused, and taken back', async () => {
  const { cluster, leader, late, joined } = await overtaken();
  cluster.network.heal();
  assert.equal(await cluster.refusal(joined), 'VERSION_MISMATCH');
  await cluster.until(() => !leader.member.config.learners.includes(late.id));
});

void test('a join that the raise overtakes, and that cannot be taken back, is not told to have failed', async () => {
  const readsMax = 4;
  const { cluster, through, joined } = await overtaken({ readsWaitingMax: readsMax });
  const reads = Array.from({ length: readsMax }, () => through.member.readBarrier());
  assert.equal(await cluster.refusal(through.member.readBarrier()), 'LIMIT_EXCEEDED');
  cluster.network.heal();
  assert.equal(await cluster.refusal(joined), 'OUTCOME_UNKNOWN');
  await cluster.settled(Promise.all(reads));
});

void test('it is not taken back if its member has started again with a version that fits', async () => {
  const { cluster, leader, late, joined } = await overtaken();
  late.levels = newer;
  await cluster.start(late, {
    contacts: await leader.member.members({ serializable: true }),
    secret: leader.secret,
  });
  await cluster.until(() => late.member.holdsOwnRecord());
  await cluster.clock.advanceAsync(500);
  cluster.network.heal();
  await cluster.settled(joined);
  await cluster.clock.advanceAsync(2000);
  assert.ok(late.running);
  await cluster.settled(put(late.member, 'a', '1'));
});
