interface Holder {
  readonly heldBytes: number;
  /** Lets go of everything by ending. */
  evict(): void;
}

/** Bounds what all connections hold together: past the limit, the one that holds most must go. */
export class MemoryBudget {
  readonly #sizeBytesMax: number;
  readonly #holders: ReadonlySet<Holder>;
  #heldBytes = 0;

  constructor(sizeBytesMax: number, holders: ReadonlySet<Holder>) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#holders = holders;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @param sizeBytes below zero when they are let go */
  hold(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
  }

  /** To be called where nothing is half done. */
  enforce(): void {
    while (this.#heldBytes > this.#sizeBytesMax) {
      let fattest: Holder | undefined;
      for (const holder of this.#holders) {
        if (holder.heldBytes > (fattest?.heldBytes ?? 0)) fattest = holder;
      }
      if (fattest === undefined) return;
      fattest.evict();
    }
  }
}
