import { assert, InvariantError } from '../src/base/assert.js';
import type { Index, Term } from '../src/base/ids.js';
import { isVoter } from '../src/raft/config-change.js';
import type { Raft } from '../src/raft/raft.js';
import type { Entry, Message } from '../src/raft/types.js';
import type { Machine } from './machine.js';

/** Version, proposer and sequence of a batch of commands. */
const headSizeBytes = 17;

/**
 * What members must not do though no harm may come of it in this run: rules whose breach only shows in rare
 * schedules, or costs the cluster its leader.
 */
export class Conduct {
  /** The newest term in which somebody stood for election; a founded cluster begins in 1. */
  #stoodTerm: Term = 1;
  /** The newest term in which somebody has led. */
  #ledTerm: Term = 0;
  /** Of proposals that were passed on: the term that they were meant for. */
  readonly #proposed = new Map<string, Term>();
  readonly #commits = new WeakMap<Raft, { readonly ledTerm: Term; readonly commit: Index }>();

  /** After anything that has run in the member's process. */
  check(machine: Machine, raft: Raft): void {
    this.#checkTerm(machine, raft);
    this.#checkCommit(machine, raft);
  }

  /** Only a candidate makes a term: nobody takes over the one that a pre-vote asks for. */
  #checkTerm(machine: Machine, raft: Raft): void {
    if (raft.role === 'candidate') this.#stoodTerm = Math.max(this.#stoodTerm, raft.term);
    if (raft.term <= this.#stoodTerm) return;
    throw new InvariantError(
      `${machine.name} is in term ${raft.term}, and nobody stood for election since ${this.#stoodTerm}`,
    );
  }

  /**
   * A turn begins: a leader that would answer reads from its lease is sure that nobody leads after it. Asked only
   * now that it knows the time: before, it may have slept.
   */
  turns(machine: Machine, raft: Raft): void {
    if (raft.role !== 'leader') return;
    this.#ledTerm = Math.max(this.#ledTerm, raft.term);
    assert(
      raft.term === this.#ledTerm || !raft.status().readLease,
      `${machine.name} holds a lease in term ${raft.term}, and somebody leads in term ${this.#ledTerm}`,
    );
  }

  /** A leader commits by counting only what is of its own term (paper section 5.4.2). */
  #checkCommit(machine: Machine, raft: Raft): void {
    const before = this.#commits.get(raft);
    const ledTerm = raft.role === 'leader' ? raft.term : 0;
    if (before?.ledTerm === ledTerm && before.commit === raft.commit) return;
    this.#commits.set(raft, { ledTerm, commit: raft.commit });
    if (ledTerm === 0 || before?.ledTerm !== ledTerm || before.commit === raft.commit) return;
    const term = raft.entryTerm(raft.commit);
    assert(
      term === undefined || term === ledTerm,
      `${machine.name} leads in term ${ledTerm} and commits entry ${raft.commit} of term ${term}`,
    );
  }

  /**
   * Entries come into the log: a leader changes the members only when no other change is on its way, and something
   * of its own term is committed (thesis section 4.1, with Ongaro's correction of July 2015).
   */
  appended(machine: Machine, raft: Raft, entries: readonly Entry[]): void {
    if (raft.role !== 'leader') return;
    for (const entry of entries) {
      const { type, index, term } = entry;
      if (type === 'normal') this.#checkMeant(machine, entry);
      if (type !== 'config' || term !== raft.term) continue;
      const committedTerm = raft.entryTerm(raft.commit);
      assert(
        committedTerm === undefined || committedTerm === term,
        `${machine.name} changes the members at ${index} before anything of its term ${term} is committed`,
      );
      const before = raft.snapshotMetaAt(index - 1)?.configIndex ?? 0;
      assert(
        before <= raft.commit,
        `${machine.name} changes the members at ${index}, and the change at ${before} is not committed`,
      );
      this.#checkNewVoters(machine, raft, index);
    }
  }

  /** Who passes on a proposal makes it again once it sees an entry of a later term: no leader takes it then. */
  #checkMeant(machine: Machine, { index, term, data }: Entry): void {
    const meant = this.#proposed.get(nameOf(data)) ?? term;
    assert(
      meant === term,
      `${machine.name} takes at ${index} in term ${term} a proposal that was meant for term ${meant}`,
    );
  }

  /** A learner becomes a voter only when it holds something: it might be needed at once. */
  #checkNewVoters(machine: Machine, raft: Raft, index: Index): void {
    const learners = raft.snapshotMetaAt(index - 1)?.config.learners ?? [];
    const voters = raft.snapshotMetaAt(index)?.config.voters ?? [];
    const { progress } = raft.status();
    for (const id of voters) {
      assert(
        !learners.includes(id) || (progress.get(id)?.match ?? 0) > 0,
        `${machine.name} makes ${id} a voter at ${index}, and knows of nothing that it holds`,
      );
    }
  }

  /** A message leaves. */
  sent(machine: Machine, message: Message): void {
    if (message.type === 'propose' && message.entryType === 'normal')
      this.#proposed.set(nameOf(message.data), message.term);
    if (message.type !== 'timeout-now') return;
    const { raft } = machine.parts;
    const { config, lastIndex, progress } = raft.status();
    assert(isVoter(config, message.to), `${machine.name} hands over to ${message.to}, which is no voter`);
    // One that removed itself hands over to the best there is.
    if (raft.role !== 'leader' || !isVoter(config, machine.id)) return;
    const match = progress.get(message.to)?.match ?? 0;
    assert(
      match >= lastIndex,
      `${machine.name} hands over to ${message.to}, which holds ${match} of ${lastIndex}`,
    );
  }
}

/** Proposer and sequence stand at the head of a batch; a change of members has no name, and is not asked for it. */
function nameOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, headSizeBytes)).toString('latin1');
}
