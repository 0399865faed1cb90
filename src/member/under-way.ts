/** Work that must have ended before what it uses is closed. */
export class UnderWay {
  readonly #works = new Set<Promise<unknown>>();

  track<T>(work: Promise<T>): Promise<T> {
    const end = (): void => void this.#works.delete(work);
    this.#works.add(work);
    work.then(end, end);
    return work;
  }

  /** Resolves when all has ended, however, and what it began meanwhile too. Never rejects. */
  async ended(): Promise<void> {
    while (this.#works.size > 0) await Promise.allSettled([...this.#works]);
  }
}
