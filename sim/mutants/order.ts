import { mutant, type Mutant } from './mutant.js';

/** Faults by which writes through one member lose their order. */
export const orderMutants: readonly Mutant[] = [
  mutant(
    'put-back-before-all',
    'of several groups that the leader did not take, the last is proposed again first',
    'src/member/proposals.ts',
    'this.#queue.splice(at < 0 ? this.#queue.length : at, 0, ...calls);',
    'this.#queue.unshift(...calls);',
  ),
  mutant(
    'later-calls-do-not-wait',
    'what comes later is proposed while it is open whether something of an earlier term must be proposed again',
    'src/member/proposals.ts',
    '    if (oldest.term < this.#raft.term) return true;\n',
    '',
  ),
  mutant(
    'gap-in-proposals',
    'a leader takes a proposal though the one before it was lost, and is sent again',
    'src/raft/proposals.ts',
    '    if (before === undefined) return undefined;\n    if (before.kind',
    '    if (before?.kind',
  ),
  mutant(
    'proposes-before-it-is-told',
    'a call is proposed though the leader has turned down the one before it, which is only found out behind that',
    'src/member/loop.ts',
    '    this.#tellOutcomes(raft.takeProposalResults());\n',
    '',
  ),
];
