import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryCluster } from './testing/memory-cluster.js';

function told(cluster: MemoryCluster, machine: { readonly name: string }, message: string): string[] {
  return cluster.events.filter((event) => event.includes(` ${machine.name} ${message} `));
}

const lost = 'a member cannot be reached';
const back = 'a member can be reached again';
const noQuorum = 'no quorum: too few voters can be reached, and nothing can be written';

void test('a member that cannot be reached is told of once, by name and address, and when it is back', async () => {
  const cluster = await MemoryCluster.of(3, 71);
  const leader = cluster.leaderMachine();
  const [away] = cluster.followers();
  for (let times = 1; times <= 2; times++) {
    cluster.crash(away!);
    await cluster.clock.advanceAsync(20_000);
    assert.equal(told(cluster, leader, lost).length, times);
    assert.match(
      told(cluster, leader, lost).at(-1)!,
      new RegExp(
        `"member":"${away!.name}","address":"${away!.address}","reason":"${away!.address} does not answer"`,
      ),
    );
    const [peer] = leader.member.peers().filter(({ id }) => id === away!.id);
    assert.equal(peer!.reach?.reachable, false);
    assert.ok(peer!.reach.sinceMs < cluster.clock.wallMs() - 15_000);
    await cluster.start(away!);
    await cluster.until(() => told(cluster, leader, back).length === times);
    assert.match(told(cluster, leader, back).at(-1)!, /"forMs":2\d\d\d\d/);
    assert.equal(leader.member.peers().find(({ id }) => id === away!.id)?.reach?.reachable, true);
  }
});

void test('what is over soon is not told of', async () => {
  const cluster = await MemoryCluster.of(3, 72);
  const leader = cluster.leaderMachine();
  const [away] = cluster.followers();
  cluster.crash(away!);
  await cluster.clock.advanceAsync(300);
  await cluster.start(away!);
  await cluster.clock.advanceAsync(20_000);
  assert.deepEqual(told(cluster, leader, lost), []);
});

void test('the leader knows how far the others are, and nobody else does', async () => {
  const cluster = await MemoryCluster.of(3, 73);
  await cluster.clock.advanceAsync(1000);
  const leader = cluster.leaderMachine();
  const { lastIndex } = leader.member.status();
  const peers = leader.member.peers();
  assert.deepEqual(
    peers.map(({ name, peerAddress, voter, matchIndex }) => ({ name, peerAddress, voter, matchIndex })),
    cluster.followers().map(({ name, address }) => ({
      ...{ name, peerAddress: address, voter: true },
      matchIndex: lastIndex,
    })),
  );
  const [follower] = cluster.followers();
  assert.deepEqual(
    follower!.member.peers().map(({ matchIndex }) => matchIndex),
    [undefined, undefined],
  );
});

void test('without a quorum a member says once who is missing, and when there is a leader again', async () => {
  const cluster = await MemoryCluster.of(3, 74);
  const left = cluster.leaderMachine();
  const others = cluster.followers();
  for (const other of others) cluster.crash(other);
  await cluster.clock.advanceAsync(30_000);
  const [event, ...more] = told(cluster, left, noQuorum);
  assert.deepEqual(more, []);
  for (const { name, address } of others) assert.ok(event!.includes(`${name} at ${address}`), event);
  assert.match(event!, /"reachable":1,"needed":2,"voters":3/);
  await cluster.start(others[0]!);
  await cluster.until(() => told(cluster, left, 'there is a leader again').length === 1);
});

void test('where a majority can be reached and there is no leader, it says so', async () => {
  const cluster = await MemoryCluster.of(3, 75);
  const [follower] = cluster.followers();
  // It hears nothing, and whatever it says arrives.
  for (const { id } of cluster.machines) if (id !== follower!.id) cluster.network.cut(id, follower!.id);
  const message = 'there is no leader, though a majority of the voters can be reached';
  await cluster.until(() => told(cluster, follower!, message).length === 1, 60_000);
});
