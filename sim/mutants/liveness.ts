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
    'installing: () => raft.installing,',
    "installing: () => (this['installedOnce'] ||= raft.installing),",
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
    'reaches: (each) => this.reachability.of(each)?.reachable !== false,\n      installing',
    'reaches: (each) => !(this[`lost ${each}`] ||= this.reachability.of(each)?.reachable === false),\n      installing',
  ),
  mutant(
    'waits-behind-what-is-forgotten',
    'a proposal that is applied stays open, and what names it waits where the leader has forgotten it (it was so once)',
    'src/raft/raft.ts',
    'this.#core.forwarded.applied(proposalId, this.#core.tickCount);',
    '',
  ),
];
