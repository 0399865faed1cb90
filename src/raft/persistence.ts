import { assert } from '../base/assert.js';
import { noMember } from '../base/ids.js';
import type { HardState, Index, MemberId, SnapshotMeta, Term, TermAndVote } from './types.js';

/** One write handed out and not yet reported as durable. */
interface PendingWrite {
  readonly mark: number;
  /** The log up to here is durable with it. Falls when a later append overwrites what it wrote. */
  lastIndex: Index;
  readonly term: Term;
  readonly vote: MemberId;
  /** The snapshot that it installs; 0 if none. */
  readonly snapshotIndex: Index;
}

/**
 * What has been handed out for writing, and what of it is durable. Writes are made in order, so a mark stands
 * for all before it. Term and vote alone may be durable ahead of their write. The index is exact for the log in
 * memory: an entry that was overwritten while its write was under way never counts.
 */
export class Persistence {
  /** This log, up to here, is on disk. */
  index: Index;
  /** The hard state on disk. */
  term: Term;
  vote: MemberId;
  /** What was handed out last. */
  emittedIndex: Index;
  emitted: HardState;
  /** A restored snapshot that the next Ready must carry. */
  snapshotDue: SnapshotMeta | undefined;
  /** The newest restored snapshot is on disk up to here. */
  snapshotIndex: Index = 0;
  #pending: PendingWrite[] = [];
  #marks = 0;

  constructor(lastIndex: Index, hardState: HardState) {
    this.index = lastIndex;
    this.emittedIndex = lastIndex;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.emitted = hardState;
  }

  /** Entries at and behind `index` are about to be replaced. */
  truncatedFrom(index: Index): void {
    const kept = index - 1;
    this.index = Math.min(this.index, kept);
    this.emittedIndex = Math.min(this.emittedIndex, kept);
    for (const write of this.#pending) write.lastIndex = Math.min(write.lastIndex, kept);
  }

  /** The whole log was replaced by a snapshot. */
  restored(snapshot: SnapshotMeta): void {
    this.truncatedFrom(1);
    this.emittedIndex = snapshot.index;
    this.snapshotDue = snapshot;
  }

  /** @returns the mark of the write that makes all this durable */
  handOut(lastIndex: Index, hardState: HardState, snapshotIndex: Index): number {
    const mark = ++this.#marks;
    this.emittedIndex = lastIndex;
    this.emitted = hardState;
    this.snapshotDue = undefined;
    this.#pending.push({ mark, lastIndex, term: hardState.term, vote: hardState.vote, snapshotIndex });
    return mark;
  }

  /** The writes up to `mark` are durable. */
  complete(mark: number): void {
    assert(mark <= this.#marks, `mark ${mark} was never handed out`);
    let done = 0;
    for (const write of this.#pending) {
      if (write.mark > mark) break;
      this.index = Math.max(this.index, write.lastIndex);
      this.#takeDurable(write);
      this.snapshotIndex = Math.max(this.snapshotIndex, write.snapshotIndex);
      done++;
    }
    if (done > 0) this.#pending.splice(0, done);
  }

  /** Term and vote, which were handed out, are durable, whatever of the writes is. */
  completeHardState(durable: TermAndVote): void {
    assert(durable.term <= this.emitted.term, `term ${durable.term} was never handed out`);
    this.#takeDurable(durable);
  }

  /** A write may end behind a newer term and vote: neither falls. */
  #takeDurable({ term, vote }: TermAndVote): void {
    if (term < this.term || (term === this.term && vote === noMember)) return;
    this.term = term;
    this.vote = vote;
  }
}
