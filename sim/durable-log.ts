import type { Raft } from '../src/raft/raft.js';
import type { Index, Ready, SnapshotMeta, Term } from '../src/raft/types.js';

/** What is known to be on one member's disk: grows as its writes are reported durable. */
export class DurableLog {
  #baseIndex: Index;
  readonly #terms: Term[] = [];
  /** Handed out and not reported durable. */
  #pending: Ready[] = [];

  /** What a member has recovered is durable. */
  constructor(raft: Raft) {
    this.#baseIndex = raft.firstIndex - 1;
    this.#terms.push(raft.entryTerm(this.#baseIndex) ?? 0);
    for (let index = raft.firstIndex; index <= raft.lastIndex; index++)
      this.#terms.push(raft.entryTerm(index)!);
  }

  /** The state stands for everything up to here. */
  get snapshot(): Pick<SnapshotMeta, 'index'> {
    return { index: this.#baseIndex };
  }

  term(index: Index): Term | undefined {
    return this.#terms[index - this.#baseIndex];
  }

  begun(ready: Ready): void {
    if (ready.persistMark !== undefined) this.#pending.push(ready);
  }

  persisted(mark: number): void {
    let done = 0;
    for (const ready of this.#pending) {
      if (ready.persistMark! > mark) break;
      this.#write(ready);
      done++;
    }
    this.#pending = this.#pending.slice(done);
  }

  /**
   * What a start must find again. From where a write goes that was begun and not reported, anything may be there.
   * @returns the first index at which it has not
   */
  lostIn(found: Raft): Index | undefined {
    let kept = this.#baseIndex + this.#terms.length - 1;
    for (const { snapshot, entries } of this.#pending) {
      if (snapshot !== undefined) return undefined;
      if (entries[0] !== undefined) kept = Math.min(kept, entries[0].index - 1);
    }
    for (let index = Math.max(this.#baseIndex + 1, found.firstIndex); index <= kept; index++) {
      if (found.entryTerm(index) !== this.term(index)) return index;
    }
    return undefined;
  }

  #write({ snapshot, entries }: Ready): void {
    if (snapshot !== undefined) {
      this.#baseIndex = snapshot.index;
      this.#terms.length = 0;
      this.#terms.push(snapshot.term);
    }
    const first = entries[0];
    if (first === undefined) return;
    const kept = first.index - this.#baseIndex;
    if (this.#terms.length > kept) this.#terms.length = kept;
    for (const entry of entries) this.#terms.push(entry.term);
  }
}
