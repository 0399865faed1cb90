/** A unit is a row looked at, or so many of its bytes: some 5 µs. */
const bytesPerUnit = 4096;

/** Of one slice: some 0.5 ms. A write goes through several turns, and may find a slice before each. */
export const sliceUnits = 100;

/**
 * A budget of synchronous work. Whoever does long work on the event loop charges each row that it looks at, and ends its
 * slice once the budget is spent: what goes beyond is at most one row. Counted, not timed, so that a run is repeated
 * exactly.
 */
export class Work {
  readonly #unitsMax: number;
  #units = 0;

  constructor(unitsMax = sliceUnits) {
    this.#unitsMax = unitsMax;
  }

  /** Without an end: for what is bounded otherwise. */
  static unbounded(): Work {
    return new Work(Infinity);
  }

  /** One row, of which so many bytes are touched. */
  charge(sizeBytes = 0): void {
    this.#units += 1 + sizeBytes / bytesPerUnit;
  }

  /** Bytes alone, of what is in memory already. */
  touch(sizeBytes: number): void {
    this.#units += sizeBytes / bytesPerUnit;
  }

  get spent(): boolean {
    return this.#units >= this.#unitsMax;
  }

  get units(): number {
    return this.#units;
  }
}
