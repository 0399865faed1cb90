/** Rests so many times as long as it has worked: an eighth of the event loop at most, while that is enough. */
const restFactor = 7;
const restMsMin = 1;

/** Changes that are looked at for each that is written, however little rest is left: each is looked at twice. */
const aheadFactor = 3;

/** In a row where it owes something, for no rest is shorter than restMsMin. */
const slicesOwing = 4;
/** It owes so many changes only where short rests were not enough: turns apply more writes than a few slices make up for. */
const farBehindMin = 100_000;
const slicesFarBehind = 16;

/**
 * How long the compaction rests between slices. It takes a small share of the time, but it must not fall behind the
 * writes for ever, or what is forgotten stays on disk: then it makes up for what it owes with next to no rests.
 */
export class CompactionPace {
  #written = 0;
  #owed = 0;
  /** The slice before has left something. */
  #pending = false;

  /**
   * @param looked changes that a slice has looked at
   * @param written changes that were ever written, by its end
   * @param pending it has left something to remove
   */
  sliced(looked: number, written: number, pending: boolean): void {
    // What was written while there was nothing to forget is no work left undone.
    const owed = this.#pending ? this.#owed + aheadFactor * (written - this.#written) : 0;
    this.#owed = pending ? Math.max(0, owed - looked) : 0;
    this.#written = written;
    this.#pending = pending;
  }

  /** @param slices without a rest, so far; @returns whether there may be one more */
  goesOn(slices: number): boolean {
    if (this.#owed > farBehindMin) return slices < slicesFarBehind;
    return slices < (this.#owed > 0 ? slicesOwing : 1);
  }

  /** @param workedMs since the last rest */
  restMs(workedMs: number): number {
    return this.#owed > 0 ? restMsMin : Math.max(restMsMin, restFactor * workedMs);
  }
}
