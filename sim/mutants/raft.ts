import { mutant, type Mutant } from './mutant.js';

const raft = (file: string): string => `src/raft/${file}.ts`;

/** Who may lead. */
const elections: readonly Mutant[] = [
  mutant(
    'vote-answered-early',
    'a vote is answered before it is on disk',
    raft('election'),
    `granted: boolean): void {
  core.send({`,
    `granted: boolean): void {
  core.outbox.messages.push({`,
  ),
  mutant(
    'own-vote-counted-early',
    'a candidate asks for votes before its vote for itself is on disk',
    raft('election'),
    `core.send({
      type: 'vote-request',`,
    `core.outbox.messages.push({
      type: 'vote-request',`,
  ),
  mutant(
    'two-votes-in-a-term',
    'a member votes for whoever asks, again and again',
    raft('election'),
    '(core.vote === noMember && core.leader === noMember) ||',
    'core.leader === noMember ||',
  ),
  mutant(
    'vote-for-any-log',
    'the election restriction is missing: a candidate whose log is behind may win',
    raft('election'),
    'return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);',
    'return message.lastTerm >= lastTerm || message.lastIndex >= lastIndex;',
  ),
  mutant(
    'quorum-of-half',
    'half of the voters pass for a majority',
    raft('quorum'),
    'return Math.floor(voters / 2) + 1;',
    'return Math.max(1, Math.ceil(voters / 2));',
  ),
  mutant(
    'pre-vote-disturbs',
    'a pre-vote raises the term of those who are asked',
    raft('step'),
    'if (!message.preVote) becomeFollower(core, message.term, noMember);',
    'becomeFollower(core, message.term, noMember);',
  ),
  mutant(
    'vote-kept-over-terms',
    'a new term does not free the vote: nobody can be elected in the end',
    raft('roles'),
    `    core.term = term;
    core.vote = noMember;`,
    '    core.term = term;',
  ),
  mutant(
    'transfer-to-lagging',
    'leadership is handed to a member that lacks entries',
    raft('transfer'),
    'if (progress.match === core.log.lastIndex) {',
    'if (progress.match <= core.log.lastIndex) {',
  ),
];

/** What is committed stays. */
const replication: readonly Mutant[] = [
  mutant(
    'acknowledged-early',
    'a follower acknowledges entries before they are on disk',
    raft('follower'),
    'core.sendAfterPersist(acceptance(core, to, index));',
    'core.send(acceptance(core, to, index));',
  ),
  mutant(
    'leader-counts-memory',
    "a leader counts entries that its own disk does not hold yet (etcd #14370: a single member's lost write)",
    raft('replication'),
    'core.tracker.self.match = core.persistence.index;',
    'core.tracker.self.match = core.log.lastIndex;',
  ),
  mutant(
    'older-term-committed-by-counting',
    'an entry of an earlier term is committed because a majority holds it (paper figure 8)',
    raft('replication'),
    'if (index <= core.commit || core.log.term(index) !== core.term) return;',
    'if (index <= core.commit) return;',
  ),
  mutant(
    'truncates-without-conflict',
    'a late append cuts off what follows it, though nothing differs',
    raft('follower'),
    'while (at < entries.length && core.log.matches(entries[at]!.index, entries[at]!.term)) at++;',
    '',
  ),
  mutant(
    'append-without-match',
    'an append is taken though the entry before it is another',
    raft('follower'),
    'if (committed === 0 && !core.log.matches(previousIndex, message.previousTerm)) {',
    'if (committed === 0 && previousIndex > core.log.lastIndex) {',
  ),
  mutant(
    'commit-past-the-log',
    'a follower takes the commit index of an append that does not reach so far',
    raft('follower'),
    'core.commitTo(Math.min(message.commit, lastNew));',
    'core.commitTo(message.commit);',
  ),
  mutant(
    'heartbeat-commits-the-unmatched',
    'a heartbeat tells the commit index to followers whose logs are not known to match',
    raft('replication'),
    'commit: Math.min(progress.match, core.commit),',
    'commit: core.commit,',
  ),
  mutant(
    'overwritten-counts-as-durable',
    'a write under way makes entries durable that were overwritten meanwhile',
    raft('persistence'),
    'for (const write of this.#pending) write.lastIndex = Math.min(write.lastIndex, kept);',
    '',
  ),
  mutant(
    'applied-before-durable',
    'a member applies what is committed and not on its own disk',
    raft('ready'),
    'return Math.min(core.commit, core.persistence.index);',
    'return core.commit;',
  ),
  mutant(
    'proposal-decided-twice',
    'a forwarded proposal that the network brings twice is appended twice',
    raft('proposals'),
    'let outcome = core.ledger.outcome(from, proposalId);',
    'let outcome: ProposalOutcome | undefined;',
  ),
  mutant(
    'lost-append-not-sent-again',
    'an append that was lost is never sent again',
    raft('replication'),
    `  if (progress.state === 'snapshot') return;
  progress.awaitsSign = false;`,
    `  if (progress.match >= 0) return;
  progress.awaitsSign = false;`,
  ),
  mutant(
    'no-entry-at-the-start-of-a-term',
    'a new leader appends nothing: entries of earlier terms and reads wait for a write',
    raft('roles'),
    "  appendAsLeader(core, 'empty', emptyBytes);",
    '',
  ),
  {
    name: 'stale-snapshot-installed',
    fault: 'a snapshot that is behind the state is installed over it',
    patches: [
      {
        file: raft('follower'),
        original: 'if (snapshot.index <= core.commit) {',
        replacement: 'if (snapshot.index < 0) {',
      },
      {
        file: 'src/member/incoming-snapshots.ts',
        original: 'if (offer.meta.index <= raft.commit) {',
        replacement: 'if (offer.meta.index < 0) {',
      },
      {
        file: raft('core'),
        original:
          'assert(snapshot.index > this.commit, `snapshot ${snapshot.index} is behind commit ${this.commit}`);',
        replacement: '',
      },
    ],
  },
  mutant(
    'snapshot-with-old-configuration',
    'a snapshot is described by an earlier configuration than its own',
    raft('replication'),
    'const { config, index: configIndex } = core.configs.at(index);',
    'const { config, index: configIndex } = core.configs.base;',
  ),
];

/** Who counts. */
const membership: readonly Mutant[] = [
  mutant(
    'learner-in-the-quorum',
    'a learner counts towards the majority that commits',
    raft('tracker'),
    'this.#incoming = this.#rows(config.voters);',
    'this.#incoming = this.#rows([...config.voters, ...config.learners]);',
  ),
  mutant(
    'configuration-counts-when-committed',
    'a configuration is used only once it is committed',
    raft('core'),
    'return this.configs.newest;',
    'return this.configs.at(this.commit);',
  ),
  mutant(
    'two-changes-at-once',
    'a change of members is taken while another is not committed yet',
    raft('proposals'),
    'if (newest.index > core.commit || !core.committedInTerm || basedOn !== newest.index) {',
    'if (!core.committedInTerm) {',
  ),
  mutant(
    'change-before-the-term-is-committed',
    'a new leader changes members before it has committed an entry (Ongaro, July 2015)',
    raft('proposals'),
    'if (newest.index > core.commit || !core.committedInTerm || basedOn !== newest.index) {',
    'if (newest.index > core.commit || basedOn !== newest.index) {',
  ),
];

/** What is read. */
const reads: readonly Mutant[] = [
  mutant(
    'read-without-confirmation',
    'a leader answers reads without asking whether it still leads',
    raft('read-index'),
    'else core.reads.gather(read, core.commit);',
    'else answer(core, read, core.commit);',
  ),
  mutant(
    'read-before-first-commit',
    'a new leader answers reads before an entry of its term is committed',
    raft('read-index'),
    'else if (!core.committedInTerm) core.reads.addEarly(read);',
    '',
  ),
  mutant(
    'lease-outlives-elections',
    'a leader trusts its lease for longer than its followers wait',
    raft('read-index'),
    'core.options.electionTicks - leaseMarginTicks',
    'core.options.electionTicks * 3',
  ),
  mutant(
    'late-answer-confirms-a-later-read',
    'a late answer to an earlier round of heartbeats confirms reads that came after it (etcd #20418, mended by #21417)',
    raft('read-index'),
    `  if (message.readRound <= progress.readRound) return;
  progress.readRound = message.readRound;`,
    `  // Leases show it sooner, and are not what is meant.
  const { leaseReads } = core.options;
  if (leaseReads && message.readRound <= progress.readRound) return;
  progress.readRound = leaseReads ? message.readRound : core.reads.round;`,
  ),
  {
    name: 'lease-on-the-wall-clock',
    fault: 'a lease is measured by the time of day, which jumps',
    patches: [
      {
        file: 'src/member/open.ts',
        original: '      committedSizeBytesMax: options.committedSizeBytesMax,\n',
        replacement: `      committedSizeBytesMax: options.committedSizeBytesMax,
      wallTick: () => Math.floor(open.clock.wallMs() / options.heartbeatIntervalMs),
`,
      },
      {
        file: raft('ready'),
        original: 'reads.openRound(core.tickCount);',
        replacement: 'reads.openRound(core.options.wallTick());',
      },
      {
        file: raft('read-index'),
        original: 'core.tickCount - core.reads.confirmedTick <=',
        replacement: 'core.options.wallTick() - core.reads.confirmedTick <=',
      },
      {
        file: raft('read-index'),
        original: 'core.reads.leaseFromTick = core.tickCount + 1;',
        replacement: 'core.reads.leaseFromTick = core.options.wallTick() + 1;',
      },
    ],
  },
  mutant(
    'lease-outlives-transfer',
    'a leader serves from its lease while it hands over',
    raft('transfer'),
    'core.leaseRevoked = true;',
    '',
  ),
  mutant(
    'lease-forgotten-in-elections',
    'a follower helps to elect another leader within the lease that it gave',
    raft('follower'),
    'if (message.leaseReads) core.voteFreeTick = core.tickCount + core.options.electionTicks;',
    '',
  ),
];

export const raftMutants: readonly Mutant[] = [...elections, ...replication, ...membership, ...reads];
