import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { emptyConfig } from './config-change.js';
import { Raft } from './raft.js';
import type { Entry, LogRead, Message } from './types.js';

const options = {
  ...{ heartbeatTicks: 1, electionTicks: 5, preVote: false, checkQuorum: true, leaseReads: false },
  ...{ messageEntriesSizeBytesMax: 1000, inflightMessagesMax: 256, inflightSizeBytesMax: 10_000_000 },
  ...{ uncommittedSizeBytesMax: 10_000_000, committedSizeBytesMax: 10_000_000 },
};
const config = { ...emptyConfig, voters: [1n, 2n, 3n] };

function entryOf(index: number, term: number): Entry {
  return { index, term, type: 'normal', data: new Uint8Array(10) };
}

/** Entries of term 1 on disk, of which the first ten are applied and not in memory. */
const onDisk = Array.from({ length: 20 }, (_, at) => entryOf(at + 1, 1));

/** Leads, behind entries of term 2 that replace those from 15 on, and are not on its disk yet. */
class Leader {
  readonly raft: Raft;
  reads: LogRead[] = [];
  /** To member 3, with entries. */
  readonly sent: Entry[] = [];

  constructor() {
    const appliedConfig = { index: 0, config };
    this.raft = new Raft(
      { ...options, id: 1n, random: new Prng(1) },
      {
        hardState: { term: 1, vote: 0n, commit: 10 },
        snapshot: { index: 0, term: 0, ...{ config, configIndex: 0 } },
        ...{ entries: onDisk, applied: 10, appliedConfig },
      },
    );
    this.raft.release(10);
    const replacing = Array.from({ length: 7 }, (_, at) => entryOf(15 + at, 2));
    const place = { previousIndex: 14, previousTerm: 1, entries: replacing, commit: 12 };
    this.step({ type: 'append', from: 2n, to: 1n, term: 2, ...place });
    while (this.raft.role !== 'candidate') this.raft.tick();
    this.drain();
    for (const from of [2n, 3n]) {
      this.step({ type: 'vote-response', from, to: 1n, term: this.raft.term, granted: true, preVote: false });
    }
    assert.equal(this.raft.role, 'leader');
  }

  step(message: Message): void {
    assert.equal(this.raft.step(message), undefined);
    this.drain();
  }

  /** Member 3 has the first five entries. */
  static withFollower(): Leader {
    const leader = new Leader();
    leader.answer(true, 21, 5);
    // The empty entry of the term, and where the logs match is asked for without any.
    assert.deepEqual(
      leader.sent.splice(0).map(({ index }) => index),
      [22],
    );
    assert.deepEqual(leader.reads, []);
    leader.answer(false, 5);
    return leader;
  }

  /** What member 3 says to an append. */
  answer(rejected: boolean, index: number, hintIndex = 0): void {
    const said = { rejected, index, hintIndex, hintTerm: hintIndex > 0 ? 1 : 0 };
    this.step({ type: 'append-response', from: 3n, to: 1n, term: this.raft.term, ...said });
  }

  drain(): void {
    while (this.raft.hasReady()) {
      const ready = this.raft.ready();
      this.reads.push(...ready.logReads);
      // Its term is not on disk yet.
      for (const message of [...ready.messages, ...ready.messagesAfterHardState]) {
        if (message.type === 'append' && message.to === 3n) this.sent.push(...message.entries);
      }
    }
  }

  /** Answers the read that is under way. */
  read(entries = onDisk): void {
    const [read] = this.reads.splice(0);
    const found = entries.filter(({ index }) => index >= read!.from);
    this.raft.entriesRead(read!, found.length === 0 ? undefined : found);
    this.drain();
  }
}

void test('nothing is read for a follower before it is known where the logs match', () => {
  const leader = Leader.withFollower();
  assert.deepEqual(leader.reads, [{ for: 3n, from: 6 }]);
});

void test('of what is read, nothing is sent that this log holds another entry for, and the rest is', () => {
  const leader = Leader.withFollower();
  leader.read();
  assert.deepEqual(leader.reads, []);
  const ofThisLog = leader.sent.every(({ index, term }) => leader.raft.entryTerm(index) === term);
  assert.ok(ofThisLog, JSON.stringify(leader.sent.map(({ index, term }) => [index, term])));
  const sent = leader.sent.map(({ index }) => index);
  assert.deepEqual(
    sent,
    sent.map((_, at) => 6 + at),
  );
  assert.equal(sent.at(-1), leader.raft.lastIndex);
});

void test('where nothing of use is read, it is read again with the next sign of life, not at once', () => {
  for (const useless of [[], [entryOf(6, 2), entryOf(7, 2)]]) {
    const leader = Leader.withFollower();
    leader.read(useless);
    assert.deepEqual([leader.reads, leader.sent], [[], []]);
    leader.raft.tick();
    leader.drain();
    const { term } = leader.raft;
    leader.step({ type: 'heartbeat-response', from: 3n, to: 1n, term, readRound: 0 });
    leader.drain();
    assert.deepEqual(leader.reads, [{ for: 3n, from: 6 }]);
    leader.read();
    assert.ok(leader.sent.length > 0);
  }
});
