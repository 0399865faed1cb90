import { Fifo } from './fifo.js';

/** First in, first out for each owner; owners, who may have many or few, come one after the other. */
export class FairQueue<T> {
  /** Whose turn is next comes first; none is empty. */
  readonly #lines = new Map<object, Fifo<T>>();

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** @param owner whose turn it takes */
  push(owner: object, item: T): void {
    const line = this.#lines.get(owner) ?? new Fifo<T>();
    line.push(item);
    this.#lines.set(owner, line);
  }

  /**
   * @param isOver of items that cost nobody a turn: they are dropped
   * @returns the oldest of whose turn it is; undefined if there is none
   */
  shift(isOver: (item: T) => boolean = () => false): T | undefined {
    for (const [owner, line] of this.#lines) {
      let item = line.shift();
      while (item !== undefined && isOver(item)) item = line.shift();
      this.#lines.delete(owner);
      // Whoever goes to the end of the map comes again.
      if (line.length > 0) this.#lines.set(owner, line);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  has(owner: object): boolean {
    return this.#lines.has(owner);
  }

  /** @returns the owner whose turn it is, and lets the next one have the next turn; undefined if nobody waits */
  nextOwner(): object | undefined {
    for (const [owner, line] of this.#lines) {
      this.#lines.delete(owner);
      this.#lines.set(owner, line);
      return owner;
    }
    return undefined;
  }

  /** @returns the owner's oldest item, whoever's turn it is; undefined if it has none */
  shiftOf(owner: object): T | undefined {
    const line = this.#lines.get(owner);
    const item = line?.shift();
    if (line?.length === 0) this.#lines.delete(owner);
    return item;
  }
}
