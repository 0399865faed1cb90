import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedBytesError } from '../base/byte-stream.js';
import { noMember } from '../base/ids.js';
import type { SnapshotChunk } from '../ports/peers.js';
import { termJumpMax } from '../raft/plausible.js';
import type { Entry, Message } from '../raft/types.js';
import { RowEncoder } from '../storage/backend/row-stream.js';
import { admit, type Knowledge } from './incoming-messages.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** What another member's process may send, whatever it is. */
function forge(cluster: MemoryCluster, from: Machine, to: Machine, message: object): void {
  const envelope = { from: from.id, to: to.id, term: to.member.status().term };
  const station = cluster.network.at(to.address)!;
  station.deliver(from.life!.peers.identity, { ...envelope, ...message } as Message);
}

async function servesOn(cluster: MemoryCluster): Promise<void> {
  await cluster.settled(put(cluster.leader()!, 'after', 'x'));
  for (const { member } of cluster.machines) {
    assert.equal(await cluster.settled(get(member, 'after')), 'x');
  }
  const index = cluster.leader()!.status().commitIndex;
  await cluster.until(() => cluster.machines.every((each) => each.member.status().appliedIndex >= index));
  assert.equal(new Set(cluster.machines.map((each) => each.member.hash())).size, 1);
}

void test('a proposal that cannot be applied does not enter the log', async () => {
  const cluster = await MemoryCluster.of(3, 61);
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers();
  const { lastIndex } = leader.member.status();
  const proposal = { type: 'propose', proposalId: 1, configIndex: 0, behindId: 0 };
  const seven = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);
  forge(cluster, follower!, leader, { ...proposal, entryType: 'normal', data: seven });
  forge(cluster, follower!, leader, { ...proposal, entryType: 'config', data: seven });
  assert.equal(leader.member.status().lastIndex, lastIndex);
  await servesOn(cluster);
});

void test('what a version that is too old cannot read breaks no link where the raise of the level may still come to it', () => {
  const batch = (...command: number[]): Uint8Array =>
    Uint8Array.of(1, ...new Array<number>(8).fill(9), 1, 1, ...command);
  const raise: Entry = { index: 7, term: 2, type: 'normal', data: batch(8, 2) };
  const machine = { passesOver: () => false, removedMembers: () => new Set<bigint>() };
  const knowledge = (levelMax: number, ...entries: Entry[]): Knowledge => ({
    ...{ machine, levels: { min: 1, max: levelMax } },
    raft: { role: 'leader', unapplied: () => entries, entryTerm: (index) => (index <= 7 ? 2 : undefined) },
  });
  const envelope = { from: 1n, to: 2n, term: 2, proposalId: 1, configIndex: 0, behindId: 0 };
  const proposal = (data: Uint8Array): Message => ({
    ...{ ...envelope, type: 'propose', entryType: 'normal', data },
  });
  const unknown = proposal(batch(200));
  const known = proposal(batch(3, 1));
  assert.equal(admit(unknown, knowledge(1, raise)), undefined);
  assert.equal(admit(known, knowledge(1, raise)), known);
  assert.throws(() => admit(unknown, knowledge(1)), MalformedBytesError);
  const { raft, ...others } = knowledge(1);
  assert.equal(admit(unknown, { ...others, raft: { ...raft, role: 'follower' } }), unknown);
  assert.throws(() => admit(unknown, knowledge(2, raise)), MalformedBytesError);
  // An append that asks how far this member's log goes is answered, whatever comes with it.
  const append = (previousIndex: number): Message => {
    const entry: Entry = { index: previousIndex + 1, term: 2, type: 'normal', data: batch(200) };
    return {
      from: 1n,
      to: 2n,
      term: 2,
      type: 'append',
      previousIndex,
      previousTerm: 2,
      commit: 7,
      entries: [entry],
    };
  };
  assert.deepEqual(admit(append(8), knowledge(1)), { ...append(8), entries: [] });
  assert.throws(() => admit(append(7), knowledge(1)), MalformedBytesError);
});

void test('an entry that cannot be applied does not enter the log of a follower', async () => {
  const cluster = await MemoryCluster.of(3, 62);
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers();
  const { lastIndex, term, commitIndex } = follower!.member.status();
  const entry = { index: lastIndex + 1, term, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) };
  for (const type of ['normal', 'config', 'empty']) {
    const append = { type: 'append', previousIndex: lastIndex, previousTerm: term, commit: commitIndex };
    forge(cluster, leader, follower!, { ...append, entries: [{ ...entry, type }] });
    assert.equal(follower!.member.status().lastIndex, lastIndex, type);
  }
  await servesOn(cluster);
});

void test('a term beyond belief changes nothing, and is not kept', async () => {
  const cluster = await MemoryCluster.of(3, 63);
  const leader = cluster.leaderMachine();
  for (const follower of cluster.followers()) {
    const { term } = follower.member.status();
    for (const wrong of [term + termJumpMax + 1, Number.MAX_SAFE_INTEGER]) {
      const heartbeat = { type: 'heartbeat', commit: 0, readRound: 0, leaseReads: false };
      forge(cluster, leader, follower, { ...heartbeat, term: wrong });
      forge(cluster, leader, follower, {
        type: 'vote-response',
        preVote: false,
        granted: false,
        term: wrong,
      });
      forge(cluster, leader, follower, { type: 'timeout-now', term: wrong });
      assert.equal(follower.member.status().term, term);
    }
    cluster.crash(follower);
    await cluster.start(follower);
    assert.ok(follower.member.status().term < term + 10);
  }
  await servesOn(cluster);
});

void test('a snapshot is not believed to have arrived because another member says so', async () => {
  const cluster = await MemoryCluster.of(3, 64);
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers();
  const { term, lastIndex } = follower!.member.status();
  const config = { ...leader.member.config };
  const snapshot = { index: lastIndex + 100, term, configIndex: 1, config };
  forge(cluster, leader, follower!, { type: 'snapshot', snapshot });
  await servesOn(cluster);
});

void test('an offer of a snapshot that no cluster makes is refused', async () => {
  const cluster = await MemoryCluster.of(2, 65);
  const [follower] = cluster.followers();
  const station = cluster.network.at(follower!.address)!;
  const from = cluster.leaderMachine().life!.peers.identity;
  const { term } = follower!.member.status();
  const meta = { index: 1_000_000, term, configIndex: 1, config: { ...follower!.member.config } };
  for (const wrong of [
    { ...meta, term: Number.MAX_SAFE_INTEGER },
    { ...meta, index: Number.MAX_SAFE_INTEGER },
    { ...meta, index: 1, term: Number.MAX_SAFE_INTEGER },
    { ...meta, configIndex: 2_000_000 },
    { ...meta, config: { ...meta.config, voters: [] } },
    { ...meta, config: { ...meta.config, voters: Array.from({ length: 65 }, (_, at) => BigInt(at + 1)) } },
  ]) {
    await assert.rejects(
      station.offered(from, follower!.id, { id: 1n, sizeBytesEstimated: 10, featureLevel: 1, meta: wrong }),
    );
  }
  await servesOn(cluster);
});

/** Of a stream of one row. */
function chunksOf(valueSizeBytes: number): [SnapshotChunk, SnapshotChunk] {
  const row = { table: 'current', key: Buffer.from('k'), value: Buffer.alloc(valueSizeBytes, 'v') } as const;
  const view = {
    ...{ position: { index: 1, term: 1 }, sizeBytesEstimated: valueSizeBytes },
    ...{ rows: () => [row], pinnedSizeBytes: () => 0, close: () => {} },
  };
  const rows = new RowEncoder(view, valueSizeBytes);
  return [rows.next() as SnapshotChunk, rows.next() as SnapshotChunk];
}

void test('only the leader, or a member while none is known, brings a snapshot', async () => {
  const cluster = await MemoryCluster.of(3, 67);
  const leader = cluster.leaderMachine();
  const [follower, third] = cluster.followers() as [Machine, Machine];
  const station = cluster.network.at(follower.address)!;
  const { term } = follower.member.status();
  const meta = { index: 1_000_000, term, configIndex: 1, config: { ...follower.member.config } };
  const stranger = { ...leader.life!.peers.identity, memberId: 4711n, address: 'stranger:60051' };
  const offer = (from: typeof stranger, id: bigint): ReturnType<typeof station.offered> =>
    station.offered(from, follower.id, { id, sizeBytesEstimated: 1e9, featureLevel: 1, meta });
  const [ofLeader, ofThird] = [leader, third].map((each) => each.life!.peers.identity) as [
    typeof stranger,
    typeof stranger,
  ];
  assert.equal(await offer(stranger, 1n), undefined);
  assert.equal(await offer(ofThird, 2n), undefined);
  assert.equal(follower.backend.arrivingSizeBytes, undefined);

  cluster.network.partition([follower.id], [leader.id, third.id]);
  await cluster.until(() => follower.member.status().leader === noMember);
  assert.equal(await offer(stranger, 3n), undefined);
  const early = (await offer(ofThird, 4n))!;
  const [first, second] = chunksOf(400);
  await early.write(first);
  assert.equal(await offer(ofLeader, 5n), undefined);

  cluster.network.heal();
  await cluster.until(() => follower.member.status().leader === leader.id);
  const replacing = (await offer(ofLeader, 6n))!;
  assert.equal(replacing.place.chunks, 0);
  await assert.rejects(early.write(second), { code: 'CANCELLED' });
  await early.suspend();
  assert.equal(await offer(ofLeader, 7n), undefined);
  await replacing.write(first);
  await replacing.suspend();
  const resumed = (await offer(ofLeader, 6n))!;
  assert.deepEqual(resumed.place, { chunks: 1, sum: first.sum });
  await resumed.suspend();
  await servesOn(cluster);
});

void test('an answer to a read that names an index beyond reach holds up no other read', async () => {
  const cluster = await MemoryCluster.of(3, 66, { readsWaitingMax: 10 });
  const leader = cluster.leaderMachine();
  const [follower] = cluster.followers();
  const station = cluster.network.at(follower!.address)!;
  const deliver = station.deliver.bind(station);
  // The leader answers as it likes.
  station.deliver = (from, message) => {
    deliver(from, message.type === 'read-index-response' ? { ...message, index: 2 ** 50 } : message);
  };
  const timeoutMs = 2000;
  for (let count = 0; count < 20; count++) {
    assert.equal(await cluster.refusal(get(follower!.member, 'k', { timeoutMs })), 'DEADLINE_EXCEEDED');
  }
  station.deliver = deliver;
  assert.equal(leader.member.status().role, 'leader');
  await servesOn(cluster);
});
