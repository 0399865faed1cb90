import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../base/prng.js';
import { votersConfig } from './config-change.js';
import { Raft } from './raft.js';
import { bytesTrustedElections } from './sign-of-life.js';
import { defaultClusterOptions } from './testing/cluster.js';
import { genesis } from './testing/stable-store.js';
import type { MemberId, Message } from './types.js';

const { electionTicks } = defaultClusterOptions;
const [self, leader, third] = [1n, 2n, 3n];
const heartbeat: Message = {
  ...{ type: 'heartbeat', from: leader, to: self, term: 5, commit: 0, readRound: 0, leaseReads: false },
};

function persistAll(raft: Raft): void {
  while (raft.hasReady()) {
    const { persistMark } = raft.ready();
    if (persistMark !== undefined) raft.persisted(persistMark);
  }
}

/** One of three, that knows of no leader yet. */
function member(): Raft {
  const raft = new Raft(
    { ...defaultClusterOptions, id: self, random: new Prng(1) },
    {
      hardState: { term: 0, vote: 0n, commit: 0 },
      snapshot: genesis(votersConfig([self, leader, third])),
      entries: [],
      applied: 0,
    },
  );
  return raft;
}

function follower(): Raft {
  const raft = member();
  raft.step(heartbeat);
  persistAll(raft);
  assert.equal(raft.leader, leader);
  return raft;
}

function elected(): Raft {
  const raft = member();
  raft.campaign();
  persistAll(raft);
  for (const preVote of [true, false]) {
    raft.step({ type: 'vote-response', from: third, to: self, term: 1, preVote, granted: true });
    persistAll(raft);
  }
  assert.equal(raft.role, 'leader');
  return raft;
}

/** Lets twice the longest election timeout pass, with bytes of `id` in each tick. @returns whether nothing came of it */
function stays(raft: Raft, id: MemberId | undefined, term: number, ticks = 4 * electionTicks): boolean {
  const { role } = raft;
  for (let tick = 0; tick < ticks; tick++) {
    if (id !== undefined) raft.heard(id, term);
    raft.tick();
    persistAll(raft);
  }
  return raft.role === role && raft.role !== 'pre-candidate';
}

describe('bytes of long messages', () => {
  it('of the leader put off the election, those of others and of other terms do not', () => {
    assert.ok(stays(follower(), leader, 5));
    assert.ok(!stays(follower(), undefined, 5));
    assert.ok(!stays(follower(), third, 5));
    assert.ok(!stays(follower(), leader, 4));
    assert.ok(!stays(follower(), leader, 6));
    assert.ok(!stays(member(), leader, 0));
  });

  it('put off the election only for so long: the leader must say something too', () => {
    const longTicks = (bytesTrustedElections + 2) * electionTicks;
    assert.ok(!stays(follower(), leader, 5, longTicks));
    const raft = follower();
    for (let round = 0; round < 20; round++) {
      raft.step(heartbeat);
      assert.ok(stays(raft, leader, 5, electionTicks));
    }
  });

  it('of a follower that was heard in this term keep the leader, and only for so long', () => {
    const raft = elected();
    raft.step({ type: 'heartbeat-response', from: third, to: self, term: 1, readRound: 0 });
    assert.ok(stays(raft, third, 1));
    assert.ok(!stays(raft, third, 1, bytesTrustedElections * electionTicks));
    assert.ok(!stays(elected(), third, 1));
    assert.ok(!stays(elected(), third, 0));
  });

  it('give no lease and confirm no read', () => {
    const raft = elected();
    raft.readIndex(7);
    for (let tick = 0; tick < 5; tick++) raft.heard(third, 1);
    assert.deepEqual(raft.ready().readStates, []);
    assert.equal(raft.status().readLease, false);
  });
});
