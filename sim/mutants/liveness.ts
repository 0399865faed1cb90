import { mutant, type Mutant } from './mutant.js';

/** Faults that keep a member from serving, or its health from telling the truth, while the cluster goes on. */
export const livenessMutants: readonly Mutant[] = [
  mutant(
    'lost-proposal-sent-once',
    'a proposal that was lost on its way to the leader is never sent again',
    'src/raft/forwarded-proposals.ts',
    '    return this.#open.map(({ message }) => message);\n',
    '    return [];\n',
  ),
  mutant(
    'answer-to-an-earlier-asking-thrown-away',
    'a round of reads takes only the answer to its newest asking: where that takes longer than the wait, none is good',
    'src/member/reads.ts',
    'if (context < this.#roundContext || this.#inRound.length === 0) return;',
    'if (context !== this.#context || this.#inRound.length === 0) return;',
  ),
  mutant(
    'lost-round-asked-for-once',
    'a round of reads whose message was lost is never asked for again',
    'src/member/reads.ts',
    'if (this.#inRound.length > 0 && ++this.#roundAgeTicks >= retryTicks) this.#ask();',
    'this.#roundAgeTicks++;',
  ),
  mutant(
    'health-never-comes-back',
    'a member whose disk has hung once says for ever that it does not serve',
    'src/member/watches.ts',
    'diskHung: () => this.#disk.hung,',
    "diskHung: () => (this['hungOnce'] ||= this.#disk.hung),",
  ),
  mutant(
    'health-waits-for-calls',
    'a member that nobody asks for long says that it does not serve',
    'src/member/reads.ts',
    'this.#idleTicks = this.#waitingCount === 0 ? 0 : this.#idleTicks + 1;',
    'this.#idleTicks++;',
  ),
  mutant(
    'hung-disk-goes-on-leading',
    'a leader whose disk hangs goes on leading, though others could',
    'src/member/disk-watch.ts',
    "if (this.#hungSinceMs === undefined || raft.role !== 'leader') return;",
    "if (raft.role !== '') return;",
  ),
  mutant(
    'hung-disk-says-serving',
    'a member whose disk hangs says that it serves',
    'src/member/watches.ts',
    'diskHung: () => this.#disk.hung,',
    'diskHung: () => false,',
  ),
  mutant(
    'waiting-writes-say-serving',
    'a member says that it serves while writes wait and none is answered',
    'src/member/watches.ts',
    'writesIdleTicks: () => proposals.idleTicks,',
    'writesIdleTicks: () => 0,',
  ),
  mutant(
    'waiting-reads-say-serving',
    'a member says that it serves while reads wait and none is answered',
    'src/member/watches.ts',
    'readsIdleTicks: () => reads.idleTicks,',
    'readsIdleTicks: () => 0,',
  ),
  mutant(
    'stalled-for-ever',
    'writes that a leader did not take at once wait for the next leader',
    'src/member/loop.ts',
    '    this.#proposals.unstall();\n    this.#proposals.sweep();\n',
    '    this.#proposals.sweep();\n',
  ),
  mutant(
    'installs-for-ever',
    'a member into which a snapshot was brought once says for ever that it does not serve',
    'src/member/watches.ts',
    'lacksState: () => raft.installing ||',
    "lacksState: () => (this['installedOnce'] ||= raft.installing) ||",
  ),
  mutant(
    'serving-while-it-ends',
    'a member that ends, and waits for its disk to do so, says that it serves',
    'src/member/raft-member.ts',
    'return this.#ended === undefined && this.#watches.serving;',
    'return this.#watches.serving;',
  ),
  mutant(
    'unreachable-for-ever',
    'a leader that could not be reached once is taken for unreachable: health is bad for good',
    'src/member/watches.ts',
    'reaches: (each) => this.reachability.of(each)?.reachable !== false,\n      lacksState',
    'reaches: (each) => !(this[`lost ${each}`] ||= this.reachability.of(each)?.reachable === false),\n      lacksState',
  ),
  mutant(
    'resent-ever-more-rarely',
    'each wait before lost proposals are sent again is twice as long as the one before, without an end (it was so once)',
    'src/raft/forwarded-proposals.ts',
    'Math.min(this.#resends, doublingsMax)',
    'this.#resends',
  ),
  {
    name: 'proposes-past-what-is-remembered',
    fault:
      'a member has proposals on their way that are so far apart that the leader has forgotten the first (it was so once)',
    patches: [
      {
        file: 'src/raft/forwarded-proposals.ts',
        original: 'return this.#newestNumber - firstNumber + 1 >= this.#windowMax;',
        replacement: 'return this.#open.length >= forwardedMax;',
      },
      {
        file: 'src/raft/forwarded-proposals.ts',
        original: 'if (isAppended) this.#releaseBehind(proposalId);',
        replacement: '',
      },
    ],
  },
];
