import { assert } from '../../base/assert.js';
import { noMember } from '../../base/ids.js';
import { applyConfigChange, decodeConfigChange, emptyConfig } from '../config-change.js';
import type { ConfigAt } from '../config-history.js';
import type { Entry, HardState, Index, Ready, SnapshotMeta, Term, TermAndVote } from '../types.js';

/** A snapshot of nothing: where the log of a new member begins. */
export function genesis(config = emptyConfig): SnapshotMeta {
  return { index: 0, term: 0, config, configIndex: 0 };
}

/** What one member has on disk: exactly what it would start from after a crash. */
export class StableStore {
  hardState: HardState = { term: 0, vote: noMember, commit: 0 };
  snapshot: SnapshotMeta;
  entries: Entry[] = [];
  /** The state machine's durable position: at or behind what it has applied. */
  applied: Index = 0;

  constructor(snapshot: SnapshotMeta) {
    this.snapshot = snapshot;
  }

  get lastIndex(): Index {
    return this.snapshot.index + this.entries.length;
  }

  term(index: Index): Term | undefined {
    if (index === this.snapshot.index) return this.snapshot.term;
    return this.entries[index - this.snapshot.index - 1]?.term;
  }

  /** In force as of the entry at `index`. */
  configAt(index: Index): ConfigAt {
    let at: ConfigAt = { index: this.snapshot.configIndex, config: this.snapshot.config };
    for (const entry of this.entries) {
      if (entry.index > index) break;
      if (entry.type !== 'config') continue;
      at = { index: entry.index, config: applyConfigChange(at.config, decodeConfigChange(entry.data)) };
    }
    return at;
  }

  write(ready: Ready): void {
    if (ready.snapshot !== undefined) {
      this.snapshot = ready.snapshot;
      this.entries = [];
      this.applied = Math.max(this.applied, ready.snapshot.index);
    }
    const first = ready.entries[0];
    if (first !== undefined) {
      assert(
        first.index <= this.lastIndex + 1,
        `write of ${first.index} leaves a gap behind ${this.lastIndex}`,
      );
      assert(first.index > this.snapshot.index, `write of ${first.index} into the snapshot`);
      this.entries.length = first.index - this.snapshot.index - 1;
      this.entries.push(...ready.entries);
    }
    if (ready.hardState !== undefined) {
      const { term, vote, commit } = ready.hardState;
      this.writeTermAndVote({ term, vote });
      this.hardState = { ...this.hardState, commit };
    }
    assert(this.hardState.commit <= this.lastIndex, 'commit on disk is beyond the log on disk');
  }

  /** Nothing where a newer one was written before. */
  writeTermAndVote({ term, vote }: TermAndVote): void {
    const { hardState } = this;
    if (term < hardState.term || (term === hardState.term && vote === noMember)) return;
    assert(
      term > hardState.term || hardState.vote === noMember || hardState.vote === vote,
      'a vote on disk must not change within a term',
    );
    this.hardState = { ...hardState, term, vote };
  }

  /** The log now starts behind `snapshot`, which the state machine holds durably. */
  cut(snapshot: SnapshotMeta): void {
    assert(snapshot.index <= this.applied, 'the log is cut behind the durable state only');
    if (snapshot.index <= this.snapshot.index) return;
    this.entries = this.entries.slice(snapshot.index - this.snapshot.index);
    this.snapshot = snapshot;
  }
}
