import test from 'node:test';
import assert from 'node:assert/strict';
import { encodeUtf8, decodeUtf8 } from '../base/bytes.js';
import { Cluster, defaultClusterOptions } from './testing/cluster.js';

void test('three members elect a leader, replicate and apply', () => {
  const cluster = new Cluster([1n, 2n, 3n], defaultClusterOptions, 1);
  for (let tick = 0; tick < 30; tick++) {
    cluster.tickAll();
    cluster.stabilize();
  }
  const leader = cluster.leader;
  assert.ok(leader);
  leader.input((raft) => raft.propose(encodeUtf8('x')));
  cluster.stabilize();
  for (const member of cluster.alive) assert.equal(member.applied, 2);
  assert.equal(decodeUtf8(cluster.invariants.committed[2]!.data), 'x');
});

void test('a single voter commits alone', () => {
  const cluster = new Cluster([1n], defaultClusterOptions, 1);
  for (let tick = 0; tick < 30; tick++) {
    cluster.tickAll();
    cluster.stabilize();
  }
  cluster.input(1n, (raft) => raft.propose(encodeUtf8('x')));
  cluster.stabilize();
  assert.equal(cluster.member(1n).applied, 2);
});
