import { assert } from '../../base/assert.js';

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
  #enforcing = false;

  constructor(sizeBytesMax: number, holders: ReadonlySet<Holder>) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#holders = holders;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** More is held than may be: until the connection that must go is gone. */
  get exceeded(): boolean {
    return this.#heldBytes > this.#sizeBytesMax;
  }

  /** @param sizeBytes below zero when they are let go */
  hold(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
    if (!this.exceeded || this.#enforcing) return;
    this.#enforcing = true;
    // Not here, where something may be half done, and not later: many answers may come in one turn.
    queueMicrotask(() => {
      this.#enforcing = false;
      this.#enforce();
    });
  }

  #enforce(): void {
    while (this.exceeded) {
      let fattest: Holder | undefined;
      for (const holder of this.#holders) {
        if (holder.heldBytes > (fattest?.heldBytes ?? 0)) fattest = holder;
      }
      if (fattest === undefined) return;
      fattest.evict();
      assert(fattest.heldBytes === 0, 'a connection that was ended holds memory');
    }
  }
}
