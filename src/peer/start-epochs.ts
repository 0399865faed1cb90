import type { MemberId } from '../base/ids.js';

/**
 * Of each member that has been heard, the highest start epoch. Every start of a data folder takes a higher one than the
 * start before, so of two processes with one identity the one with the lower is the older, and has nothing more to say.
 * One of a version without epochs says none: nothing is held against it.
 */
export class StartEpochs {
  readonly #byMember = new Map<MemberId, number>();

  isOutdated(id: MemberId, startEpoch: number | undefined): boolean {
    return startEpoch !== undefined && startEpoch < (this.#byMember.get(id) ?? 0);
  }

  /** @returns whether an older process of the member may still be connected */
  heard(id: MemberId, startEpoch: number | undefined): boolean {
    const before = this.#byMember.get(id);
    if (startEpoch === undefined || startEpoch <= (before ?? 0)) return false;
    this.#byMember.set(id, startEpoch);
    return before !== undefined;
  }

  delete(id: MemberId): void {
    this.#byMember.delete(id);
  }
}
