import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noMember } from '../base/ids.js';
import type { SnapshotOffer } from '../ports/peers.js';
import { Gate } from './testing/gate.js';
import { caughtUp, count, installations, lagging, write } from './testing/lagging.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

void test('a state that is offered again is acknowledged, where the word that it was taken was lost', async () => {
  const lag = await lagging(101);
  const { cluster, leader, away } = lag;
  const prepare = new Gate();
  away.backend.faults = (operation) => (operation === 'prepare' ? prepare.pass() : undefined);
  await cluster.start(away);
  await cluster.until(() => prepare.arrivals > 0);
  // Neither its transport nor Raft tells the leader.
  const end = cluster.network.hold(({ from, message }) => {
    return from === away.id && message?.type === 'append-response';
  });
  cluster.network.disconnect(leader.id, away.id);
  await cluster.until(() => count(cluster, 'broke off') > 0);
  const before = installations(cluster);
  prepare.open();
  await cluster.until(() => installations(cluster) > before);
  await cluster.until(() => count(cluster, 'not wanted now') > 0);
  end();
  await write(cluster, 1);
  await caughtUp(lag);
  assert.equal(installations(cluster), before + 1);
});

/** A state newer than what any member has. */
function offerOf({ member }: Machine): SnapshotOffer {
  const { term, commitIndex } = member.status();
  const { config } = member;
  const meta = { index: commitIndex + 1000, term, configIndex: 1, config };
  return { id: 1n, meta, featureLevel: 1, sizeBytesEstimated: 1000 };
}

void test('as long as a leader is known, nobody else may bring a state; without one, members alone may', async () => {
  const cluster = await MemoryCluster.of(3, 102);
  const leader = cluster.leaderMachine();
  const [one, other] = cluster.followers() as [Machine, Machine];
  const offer = offerOf(one);
  const receiver = cluster.network.at(one.address)!;
  const { identity } = cluster.network.at(other.address)!;
  const stranger = { ...identity, memberId: 999n };
  assert.equal(one.member.status().leader, leader.id);
  assert.equal(await cluster.settled(receiver.offered(identity, one.id, offer)), undefined);
  assert.equal(one.backend.arrivingSizeBytes, undefined);

  for (const each of [leader, other]) cluster.crash(each);
  await cluster.until(() => one.member.status().leader === noMember);
  assert.equal(await cluster.settled(receiver.offered(stranger, one.id, offer)), undefined);
  assert.notEqual(await cluster.settled(receiver.offered(identity, one.id, offer)), undefined);
});
