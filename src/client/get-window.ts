/** After so many full requests in a row that fitted, twice as many gets are tried, whatever their size tells. */
const fittedCountToGrow = 8;

/**
 * How many gets go into one request, so that their answers fit into one response: nobody knows before how large
 * the values are. Down at once to what did fit. Up again gently: at once while values of the size last seen
 * would fit, otherwise now and then, since what is known of the server's limit may be wrong.
 */
export class GetWindow {
  readonly #countMax: number;
  #count: number;
  /** Keys and values of the fullest response so far: the server's limit is not told. */
  #fullestSizeBytes = 0;
  #fittedCount = 0;

  /** @param countMax as many as a request may hold */
  constructor(countMax: number) {
    this.#countMax = countMax;
    this.#count = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether a request has fewer gets than it may hold. */
  get isNarrow(): boolean {
    return this.#count < this.#countMax;
  }

  /** The first `fittedCount` gets of a request, with keys and values of `sizeBytes`, filled the response. */
  filled(fittedCount: number, sizeBytes: number): void {
    this.#fullestSizeBytes = Math.max(this.#fullestSizeBytes, sizeBytes);
    this.#count = Math.min(this.#count, Math.max(1, fittedCount));
    this.#fittedCount = 0;
  }

  /** The response to `getCount` gets was larger than this client takes. */
  tooLarge(getCount: number): void {
    this.#count = Math.min(this.#count, Math.max(1, Math.floor(getCount / 2)));
    this.#fittedCount = 0;
  }

  /** All gets of a request were answered, with keys and values of `sizeBytes`. */
  fitted(getCount: number, sizeBytes: number): void {
    this.#fullestSizeBytes = Math.max(this.#fullestSizeBytes, sizeBytes);
    // A request of fewer gets, or of before the last step, says nothing of more.
    if (getCount < this.#count) return;
    const fittingCount = Math.floor((getCount * this.#fullestSizeBytes) / Math.max(1, sizeBytes));
    if (fittingCount > this.#count) this.#grow(fittingCount);
    else if (++this.#fittedCount === fittedCountToGrow) this.#grow(Infinity);
  }

  #grow(fittingCount: number): void {
    this.#count = Math.min(this.#countMax, this.#count * 2, fittingCount);
    this.#fittedCount = 0;
  }
}
