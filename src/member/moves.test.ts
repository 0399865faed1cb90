import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvorumError } from '../base/errors.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** Raft addresses by name, as the member has applied them. */
async function tableAt(cluster: MemoryCluster, { member }: Machine): Promise<Record<string, string>> {
  const records = await cluster.settled(member.members({ serializable: true }));
  return Object.fromEntries(records.map(({ name, peerAddress }) => [name, peerAddress]));
}

function placesOf(machines: readonly Machine[]): Record<string, string> {
  return Object.fromEntries(machines.map(({ name, address }) => [name, address]));
}

/** Waits until all that run have applied where all are. */
async function untilKnown(cluster: MemoryCluster): Promise<void> {
  const wanted = JSON.stringify(placesOf(cluster.machines));
  for (const machine of cluster.machines.filter(({ running }) => running)) {
    const deadlineMs = cluster.clock.monotonicMs() + 30_000;
    for (;;) {
      const table = await tableAt(cluster, machine);
      if (JSON.stringify(table) === wanted) break;
      assert.ok(cluster.clock.monotonicMs() < deadlineMs, `${machine.name}: ${JSON.stringify(table)}`);
      await cluster.clock.advanceAsync(20);
    }
  }
}

function move(machine: Machine): void {
  machine.address = `moved-${machine.address}`;
}

void test('a founder that was started again elsewhere makes that known, and can be joined', async () => {
  const cluster = await MemoryCluster.of(1, 61);
  const [founder] = cluster.machines;
  await cluster.stop(founder!);
  move(founder!);
  await cluster.start(founder!);
  await untilKnown(cluster);
  await cluster.join(cluster.machine(), founder!);
  await cluster.until(() => cluster.allVoters(2));
  assert.deepEqual(await tableAt(cluster, cluster.machines[1]!), placesOf(cluster.machines));
});

void test('members that come up elsewhere, one after the other, are found and make that known', async () => {
  const cluster = await MemoryCluster.of(3, 62);
  for (const machine of cluster.machines) {
    await cluster.stop(machine);
    move(machine);
    await cluster.start(machine);
    await untilKnown(cluster);
  }
  for (const { member } of cluster.machines) await cluster.settled(put(member, member.status().name, 'v'));
});

void test('a member that is back elsewhere takes part though no leader has heard of it', async () => {
  const cluster = await MemoryCluster.of(3, 63);
  const [away, moved] = cluster.followers();
  const leader = cluster.leaderMachine();
  await cluster.stop(moved!);
  cluster.crash(away!);
  await cluster.until(() => cluster.leader() === undefined);
  move(moved!);
  await cluster.start(moved!);
  await cluster.settled(put(leader.member, 'a', 'v'));
  assert.equal(await cluster.settled(get(moved!.member, 'a')), 'v');
});

void test('all members are back elsewhere: with where the others are given at each start they go on', async () => {
  const cluster = await MemoryCluster.of(3, 64);
  for (const machine of cluster.machines) cluster.crash(machine);
  cluster.machines.forEach(move);
  const peerOverrides = new Map(Object.entries(placesOf(cluster.machines)));
  for (const machine of cluster.machines) await cluster.start(machine, { peerOverrides });
  await cluster.until(() => cluster.leader() !== undefined);
  await untilKnown(cluster);
  // What was made known needs no saying at the next start.
  for (const machine of cluster.machines) await cluster.stop(machine);
  for (const machine of cluster.machines) await cluster.start(machine);
  await cluster.until(() => cluster.leader() !== undefined);
  await cluster.settled(put(cluster.machines[0]!.member, 'a', 'v'));
});

void test('one that knows the others is enough, whoever of them leads', async () => {
  const cluster = await MemoryCluster.of(3, 65);
  for (const machine of cluster.machines) cluster.crash(machine);
  cluster.machines.forEach(move);
  const [hub, leader, late] = cluster.machines;
  await cluster.start(hub!, { peerOverrides: new Map(Object.entries(placesOf([leader!, late!]))) });
  await cluster.start(leader!);
  await cluster.until(() => cluster.leader() !== undefined);
  if (cluster.leaderMachine() !== leader) {
    await cluster.settled(hub!.member.transferLeadership(leader!.id));
  }
  // The one that leads has never heard from this one, and the other way round.
  await cluster.start(late!);
  await untilKnown(cluster);
  assert.equal(cluster.leaderMachine(), leader);
});

void test('an address that another member still has in the table is made known when that one has moved on', async () => {
  const cluster = await MemoryCluster.of(3, 66);
  const [first, second] = cluster.followers();
  await cluster.stop(first!);
  await cluster.stop(second!);
  first!.address = second!.address;
  await cluster.start(first!);
  const told = (): boolean =>
    cluster.events.some((event) => event.includes('another member has this Raft address'));
  await cluster.until(told);
  move(second!);
  await cluster.start(second!, { peerOverrides: new Map([[first!.name, first!.address]]) });
  await untilKnown(cluster);
  assert.equal(cluster.events.filter((event) => event.includes('has this Raft address')).length, 1);
});

/** Each comes back where the next one was. */
async function changePlaces(cluster: MemoryCluster, machines: readonly Machine[]): Promise<void> {
  const places = machines.map(({ address }) => address);
  for (const machine of machines) await cluster.stop(machine);
  machines.forEach((machine, at) => (machine.address = places[(at + 1) % places.length]!));
  for (const machine of machines) await cluster.start(machine);
}

for (const [members, moving] of [
  [2, 2],
  [3, 2],
  [3, 3],
  [5, 4],
] as const) {
  void test(`${moving} of ${members} members that change places find one another, and make that known`, async () => {
    const cluster = await MemoryCluster.of(members, 70 + members + moving);
    await changePlaces(cluster, cluster.machines.slice(-moving));
    await cluster.until(() => cluster.leader() !== undefined);
    await untilKnown(cluster);
    for (const { member } of cluster.machines) await cluster.settled(put(member, member.status().name, 'v'));
    await changePlaces(cluster, cluster.machines.slice(0, moving));
    await untilKnown(cluster);
    assert.ok(!cluster.events.some((event) => event.includes('has this Raft address')));
  });
}

void test('a row of members, each at the place of the next one, is made known by whoever comes up', async () => {
  const cluster = await MemoryCluster.of(3, 71);
  const [first, second] = cluster.followers();
  const [firstAt, secondAt] = [first!.address, second!.address];
  await cluster.stop(first!);
  await cluster.stop(second!);
  second!.address = 'moved:1';
  first!.address = secondAt;
  await cluster.start(first!);
  await cluster.start(second!);
  await untilKnown(cluster);
  assert.notEqual(first!.address, firstAt);
});

void test('a join that was cut short is gone on with at another address', async () => {
  const cluster = await MemoryCluster.of(1, 72);
  const [founder] = cluster.machines;
  const { id, name, address } = cluster.machine();
  const ask = (peerAddress: string): Promise<unknown> =>
    cluster.settled(founder!.member.join({ id, name, peerAddress }));
  await ask(address);
  const joining = cluster.machines[1]!;
  move(joining);
  await assert.rejects(ask(founder!.address), { code: 'MEMBER_ADDRESS_TAKEN' });
  await cluster.join(joining, founder!);
  await cluster.until(() => cluster.allVoters(2));
  await untilKnown(cluster);
  // It has been up: nobody takes its place by asking.
  await assert.rejects(ask(address), { code: 'MEMBER_NAME_TAKEN' });
});

void test('the address of a member that is up is its own to make known', async () => {
  const cluster = await MemoryCluster.of(3, 73);
  const [asked, other] = cluster.followers();
  const leader = cluster.leaderMachine();
  const change = ({ member }: Machine, { id }: Machine): Promise<void> =>
    cluster.settled(member.changeMemberAddress(id, 'elsewhere:1'));
  const refusal = { code: 'INVALID_REQUEST', message: /is up at n\d:60051, and makes its own address known/ };
  await assert.rejects(change(leader, other!), refusal);
  await assert.rejects(change(leader, leader), refusal);
  await assert.rejects(change(asked!, leader), refusal);
  await cluster.stop(other!);
  await cluster.clock.advanceAsync(1000);
  await change(leader, other!);
  assert.equal((await tableAt(cluster, leader))[other!.name], 'elsewhere:1');
});

void test('of two members with one identity the one that was started first ends', async () => {
  const cluster = await MemoryCluster.of(2, 68);
  const [original] = cluster.followers();
  await cluster.stop(original!);
  const copy = cluster.copyOf(original!, 'copy:1');
  await cluster.start(original!);
  // Nothing is written meanwhile: the copy would lack what the original has acknowledged.
  await cluster.clock.advanceAsync(1000);
  await cluster.start(copy);
  const { stopped } = original!.member;
  const reason = await cluster.settled(stopped);
  assert.ok(reason.kind === 'failed');
  assert.equal((reason.error as KvorumError).code, 'MEMBER_SUPERSEDED');
  await cluster.settled(put(copy.member, 'a', '2'));
  assert.equal(await cluster.settled(get(cluster.leaderMachine().member, 'a')), '2');
});

void test('a member that is started again is never taken for an older process, though its clock went back', async () => {
  const cluster = await MemoryCluster.of(2, 69);
  const [machine] = cluster.followers();
  for (let restarts = 0; restarts < 3; restarts++) {
    await cluster.stop(machine!);
    // As if it had been started in the future.
    if (restarts === 0) machine!.startEpoch *= 2;
    await cluster.start(machine!);
    await cluster.settled(put(machine!.member, 'a', 'v'));
  }
});

void test('a peer that is no member is told of, and does nothing', async () => {
  const cluster = await MemoryCluster.of(1, 67);
  const [founder] = cluster.machines;
  await cluster.stop(founder!);
  const peerOverrides = new Map([
    ['n1', 'elsewhere:1'],
    ['n9', 'nowhere:1'],
  ]);
  await cluster.start(founder!, { peerOverrides });
  await cluster.settled(put(founder!.member, 'a', 'v'));
  const told = cluster.events.filter((event) => event.includes('peers that are no members'));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /"names":\["n9"\]/);
});
