import type { Revision } from '../base/ids.js';
import type { MemberOptions } from './options.js';

export type CompactionRules = Pick<MemberOptions, 'compactionAgeMs' | 'compactionRevisions'>;

/** An age is told to a tenth, by so many samples. */
const samplesPerAge = 10;

interface Sample {
  readonly atMs: number;
  readonly revision: Revision;
}

/**
 * Up to which revision the store may be compacted (etcd: auto-compaction, periodic and revision). Every member takes the
 * samples, so that a new leader goes on where the old one ended; a restart begins anew, and keeps longer, never shorter.
 */
export class CompactionPolicy {
  readonly #rules: CompactionRules;
  #samples: Sample[] = [];

  constructor(rules: CompactionRules) {
    this.#rules = rules;
  }

  /** @returns the newest revision that is to be forgotten, with all before it; 0: none */
  due(nowMs: number, revision: Revision): Revision {
    return Math.max(this.#byAge(nowMs, revision), this.#byNumber(revision));
  }

  #byAge(nowMs: number, revision: Revision): Revision {
    const { compactionAgeMs } = this.#rules;
    if (compactionAgeMs === 0) return 0;
    const last = this.#samples.at(-1);
    if (last === undefined || nowMs - last.atMs >= compactionAgeMs / samplesPerAge) {
      this.#samples.push({ atMs: nowMs, revision });
    }
    const old = this.#samples.filter(({ atMs }) => nowMs - atMs >= compactionAgeMs);
    const newest = old.at(-1);
    if (newest === undefined) return 0;
    this.#samples = this.#samples.slice(old.length - 1);
    return newest.revision;
  }

  /** In steps of a tenth, so that not each write brings a compaction with it. */
  #byNumber(revision: Revision): Revision {
    const { compactionRevisions } = this.#rules;
    if (compactionRevisions === 0) return 0;
    const step = Math.max(1, Math.floor(compactionRevisions / samplesPerAge));
    return Math.max(0, Math.floor((revision - compactionRevisions) / step) * step);
  }
}
