import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';

/** Revisions that somebody reads at: what is seen there is to be removed only when he is done. */
export class PinnedRevisions {
  readonly #countMax: number;
  readonly #counts = new Map<Revision, number>();
  #count = 0;

  /** @param countMax reads; each has one */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get oldest(): Revision | undefined {
    let oldest: Revision | undefined;
    for (const revision of this.#counts.keys()) {
      if (oldest === undefined || revision < oldest) oldest = revision;
    }
    return oldest;
  }

  /**
   * @returns ends it; harmless when repeated
   * @throws KvorumError LIMIT_EXCEEDED
   */
  pin(revision: Revision): () => void {
    if (this.#count >= this.#countMax) {
      const limit = `pinnedRevisionsMax: ${this.#countMax} reads are under way already`;
      throw new KvorumError('LIMIT_EXCEEDED', limit);
    }
    this.#count++;
    this.#counts.set(revision, (this.#counts.get(revision) ?? 0) + 1);
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      this.#count--;
      const left = this.#counts.get(revision)! - 1;
      if (left === 0) this.#counts.delete(revision);
      else this.#counts.set(revision, left);
    };
  }
}
