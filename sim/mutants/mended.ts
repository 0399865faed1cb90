import { mutant, type Mutant } from './mutant.js';

/** Faults that were in the code until the simulator found them; the seeds that found them are in sim/seeds.txt. */
export const mendedMutants: readonly Mutant[] = [
  mutant(
    'failed-start-leaves-the-log-open',
    'a start that finds log and state unfit for each other keeps the log open',
    'src/member/open.ts',
    'await opened.wal.close().catch(',
    'await Promise.resolve().catch(',
  ),
  mutant(
    'commit-index-before-its-entries',
    'a commit index is written before the entries that it counts: where they are torn away, it commits what they were to replace',
    'src/storage/wal/wal.ts',
    'commit: Math.min(hardState.commit, before) });',
    'commit: hardState.commit });',
  ),
  {
    name: 'voter-that-holds-nothing',
    fault: 'a learner becomes a voter before it has received anything',
    patches: [
      {
        file: 'src/raft/proposals.ts',
        original: "  return hasEmptyVoter(core, config) ? 'learner-behind' : undefined;",
        replacement: '  return undefined;',
      },
      {
        file: 'src/member/learner-promotion.ts',
        original: " || progress.state === 'snapshot' || progress.match === 0) {",
        replacement: " || progress.state === 'snapshot') {",
      },
    ],
  },
  mutant(
    'transfer-given-up-too-late',
    'a transfer is given up, and its target stands all the same, with a shorter log',
    'src/raft/core.ts',
    "    this.outbox.withdraw('timeout-now');\n",
    '',
  ),
  mutant(
    'deletions-of-nothing-cost-nothing',
    'the deletion of a range without keys counts as no work: an entry of thousands is applied in one turn',
    'src/fsm/keys/keys-part.ts',
    '    work.charge();\n    const deletion = this.#deletion;',
    '    const deletion = this.#deletion;',
  ),
  mutant(
    'joiner-told-of-anothers-removal',
    'a member that ends because it was removed tells those who join through it that they were',
    'src/member/raft-member.ts',
    'log.warn({}, message);\n    this.#ended = stoppingFor(message);',
    "log.warn({}, message);\n    this.#ended = new KvorumError('MEMBER_REMOVED', message);",
  ),
  {
    name: 'late-change-taken-for-lost',
    fault:
      'a change of members whose place in the log was never told is taken for lost when a new leader comes; told or not, no place is noted, so that this comes often',
    patches: [
      {
        file: 'src/member/config-proposals.ts',
        original: '      waiting.at = outcome;\n',
        replacement: '',
      },
      {
        file: 'src/member/config-proposals.ts',
        original: `lost.
        waiting.settle({ kind: 'unknown' });`,
        replacement: `lost.
        waiting.settle({ kind: 'lost' });`,
      },
    ],
  },
  mutant(
    'half-an-entry-waits-for-itself',
    'an entry that is left in the middle with a full backlog waits for what only its end brings to disk',
    'src/member/apply-queue.ts',
    ' || this.#machine.boundToItsEnd;',
    ';',
  ),
  mutant(
    'policy-asks-for-nothing',
    'in a new cluster the policy asks for a compaction to revision 0',
    'src/member/compaction.ts',
    'if (due > 0 && due > machine',
    'if (due > machine',
  ),
  mutant(
    'members-in-the-order-of-their-rows',
    'after a restart the members stand in another order than at those who did not restart',
    'src/fsm/members/member-table.ts',
    'this.#members = inOrder([...members].map((row) => decodeMember(row.value)));',
    'this.#members = [...members].map((row) => decodeMember(row.value));',
  ),
  {
    name: 'votes-wait-for-an-installation',
    fault: 'a member that installs a snapshot votes when that has ended',
    patches: [
      {
        file: 'src/member/log-writes.ts',
        original: 'if (mark === undefined || waits) {',
        replacement: 'if (mark === undefined) {',
      },
      {
        file: 'src/member/log-writes.ts',
        original: 'after: [...messagesAfterPersist]',
        replacement: 'after: [...messagesAfterHardState, ...messagesAfterPersist]',
      },
      {
        file: 'src/member/log-writes.ts',
        original: '#newWrite({ snapshot, entries, messagesAfterPersist }',
        replacement: '#newWrite({ snapshot, entries, messagesAfterPersist, messagesAfterHardState }',
      },
      {
        file: 'src/member/log-writes.ts',
        original: 'write.after.unshift(...messagesAfterHardState);',
        replacement: '',
      },
      {
        file: 'src/member/log-writes.ts',
        original: 'const rest = hardState === undefined ? undefined : { commit: hardState.commit };',
        replacement: 'const rest = hardState;',
      },
    ],
  },
  {
    name: 'older-vote-behind-an-installation',
    fault: 'what waited for an installation takes back the term and the vote that overtook it',
    patches: [
      {
        file: 'src/member/log-writes.ts',
        original: 'const rest = hardState === undefined ? undefined : { commit: hardState.commit };',
        replacement: 'const rest = hardState;',
      },
      {
        file: 'src/storage/wal/wal.ts',
        original: 'hardState.term > last.term || (hardState.term === last.term && keepsVote),',
        replacement: 'hardState.term > 0 || keepsVote,',
      },
    ],
  },
  {
    name: 'commit-index-overtakes-its-snapshot',
    fault: 'with a vote the commit index is written into a log that does not hold what it counts',
    patches: [
      {
        file: 'src/member/log-writes.ts',
        original: '#overtake({ term, vote }: HardState): void {',
        replacement: '#overtake({ term, vote, commit }: HardState): void {',
      },
      {
        file: 'src/member/log-writes.ts',
        original: 'hardState: { term, vote }, entries: [] }),',
        replacement: 'hardState: { term, vote, commit }, entries: [] }),',
      },
    ],
  },
  {
    name: 'heartbeats-wait-behind-entries',
    fault: 'heartbeats and acknowledgements wait behind entries, and the bytes of those say nothing',
    patches: [
      {
        file: 'src/peer/message-queue.ts',
        original:
          'const lane = isBulk(message) ? this.#bulk : isHeartbeat(message) ? this.#heartbeats : this.#urgent;',
        replacement: 'const lane = this.#bulk;',
      },
      {
        file: 'src/raft/sign-of-life.ts',
        original: 'if (term !== core.term) return;',
        replacement: 'if (term !== core.term || term > 0) return;',
      },
    ],
  },
];
