import { assert, InvariantError } from '../../base/assert.js';
import { emptyBytes, equalBytes } from '../../base/bytes.js';
import { configVote } from '../tracker.js';
import type { Entry, Index, MemberId, Ready, Term } from '../types.js';
import type { Raft } from '../raft.js';

/** A member as the invariants look at it. */
export interface ObservedMember {
  readonly id: MemberId;
  readonly raft: Raft;
  /** What is known to be on its disk. */
  readonly store: {
    /** Stands for everything up to its index. */
    readonly snapshot: { readonly index: Index };
    term(index: Index): Term | undefined;
  };
}

interface KnownEntry {
  readonly entry: Entry;
  readonly previousTerm: Term | undefined;
}

/**
 * The safety properties of paper figure 3, checked over all members as they go:
 * Election Safety, Log Matching, Leader Completeness and State Machine Safety; besides, that what a leader
 * commits is on the disks of a quorum, and that commit never falls while a member runs.
 */
export class Invariants {
  /** Committed by some leader, by index; slot 0 is unused. */
  readonly committed: (Entry | undefined)[] = [undefined];
  /** The term of the leader that committed it first. */
  readonly #committedIn: Term[] = [0];
  readonly #leaders = new Map<Term, MemberId>();
  readonly #entries = new Map<string, KnownEntry>();
  readonly #members: ReadonlyMap<MemberId, ObservedMember>;
  /** Per run of a member: the newest commit seen, and the last index handed out. */
  #seen = new WeakMap<object, { commit: Index; handedOut: Index; ledTerm: Term }>();

  constructor(members: ReadonlyMap<MemberId, ObservedMember>) {
    this.#members = members;
  }

  /** The newest index that any leader has committed. */
  get commit(): Index {
    return this.committed.length - 1;
  }

  /** The cluster begins with a state as of `position`. */
  foundedAt(position: { readonly index: Index; readonly term: Term }): void {
    for (let index = this.commit + 1; index <= position.index; index++) {
      this.committed.push({ index, term: position.term, type: 'empty', data: emptyBytes });
      this.#committedIn.push(position.term);
    }
  }

  /** Entries that a scenario begins with, from index 1 on. */
  know(entries: readonly Entry[]): void {
    let previousTerm: Term | undefined = 0;
    for (const entry of entries) {
      this.#entries.set(`${entry.index}:${entry.term}`, { entry, previousTerm });
      previousTerm = entry.term;
    }
  }

  /** What a start finds in the log has been written before. */
  checkStart({ raft }: ObservedMember): void {
    for (const entry of raft.unapplied()) {
      const known = this.#entries.get(`${entry.index}:${entry.term}`);
      assert(known !== undefined && sameEntry(known.entry, entry), `entry ${entry.index} was never written`);
    }
  }

  checkStep(member: ObservedMember): void {
    const { raft } = member;
    let seen = this.#seen.get(raft);
    if (seen === undefined)
      this.#seen.set(raft, (seen = { commit: 0, handedOut: raft.appliedIndex, ledTerm: 0 }));
    // Each step comes here: no message is written as long as all is well.
    if (raft.commit < seen.commit)
      throw new InvariantError(`commit fell from ${seen.commit} to ${raft.commit}`);
    seen.commit = raft.commit;
    // One input may commit a leader's own removal and end its leadership.
    if (seen.ledTerm === raft.term && raft.commit > this.commit) this.#takeCommit(member);
    if (raft.role !== 'leader') return;
    seen.ledTerm = raft.term;
    const leader = this.#leaders.get(raft.term);
    if (leader !== undefined && leader !== member.id)
      throw new InvariantError(`two leaders in term ${raft.term}`);
    if (leader === undefined) {
      this.#leaders.set(raft.term, member.id);
      this.#checkCompleteness(member);
    }
    if (raft.commit > this.commit) this.#takeCommit(member);
  }

  #checkCompleteness(member: ObservedMember): void {
    const { raft } = member;
    for (let index = raft.firstIndex; index <= this.commit; index++) {
      if (this.#committedIn[index]! >= raft.term) continue;
      const term = raft.entryTerm(index);
      assert(term === this.committed[index]!.term, `leader of ${raft.term} lacks committed entry ${index}`);
    }
  }

  #takeCommit(member: ObservedMember): void {
    const { raft } = member;
    const { config } = raft.status();
    const { commit } = raft;
    const onDisk = configVote(config, (id) => {
      const store = this.#members.get(id)?.store;
      if (store === undefined) return false;
      return store.snapshot.index >= commit || store.term(commit) === raft.entryTerm(commit);
    });
    assert(onDisk === 'won', `entry ${commit} was committed without a quorum of disks`);
    for (let index = this.commit + 1; index <= commit; index++) {
      const known = this.#entries.get(`${index}:${raft.entryTerm(index)}`);
      assert(known !== undefined, `committed entry ${index} was never written`);
      this.committed.push(known.entry);
      this.#committedIn.push(raft.term);
    }
  }

  checkReady(member: ObservedMember, ready: Ready): void {
    for (const entry of ready.entries) this.#checkEntry(member, entry);
    const seen = this.#seen.get(member.raft)!;
    if (ready.snapshot !== undefined) {
      assert(ready.snapshot.index > seen.handedOut, 'a snapshot must not go back');
      const entry = this.committed[ready.snapshot.index];
      assert(entry?.term === ready.snapshot.term, 'a snapshot must be of committed state');
      seen.handedOut = ready.snapshot.index;
    }
    for (const entry of ready.committed) {
      assert(entry.index === seen.handedOut + 1, `committed ${entry.index} follows ${seen.handedOut}`);
      seen.handedOut = entry.index;
      const agreed = this.committed[entry.index];
      assert(agreed !== undefined, `entry ${entry.index} is applied before a leader committed it`);
      assert(sameEntry(agreed, entry), `two different entries are committed at ${entry.index}`);
      assert(
        member.store.term(entry.index) === entry.term,
        `entry ${entry.index} is applied before it is on disk`,
      );
    }
  }

  /** One (index, term) means one entry with one predecessor: by induction the logs match up to there. */
  #checkEntry(member: ObservedMember, entry: Entry): void {
    const key = `${entry.index}:${entry.term}`;
    const previousTerm = member.raft.entryTerm(entry.index - 1);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { entry, previousTerm });
      return;
    }
    assert(
      sameEntry(known.entry, entry),
      `two different entries at index ${entry.index} of term ${entry.term}`,
    );
    assert(known.previousTerm === previousTerm, `entry ${key} has two predecessors`);
  }
}

function sameEntry(left: Entry, right: Entry): boolean {
  return (
    left.index === right.index &&
    left.term === right.term &&
    left.type === right.type &&
    equalBytes(left.data, right.data)
  );
}
