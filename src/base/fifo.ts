/** Taken ones are cut off when there are so many of them, and they are most of what there is. */
const takenMin = 64;

/**
 * First in, first out. What is taken costs the same however many wait; an array's `shift` moves all the others once
 * they are some ten thousand.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** @returns the oldest, which stays; undefined if there is none */
  peek(): T | undefined {
    return this.#items[this.#taken];
  }

  /** @returns the oldest; undefined if there is none */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken];
    this.#items[this.#taken++] = undefined;
    if (this.#taken === this.#items.length) this.clear();
    else if (this.#taken >= takenMin && 2 * this.#taken > this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#taken = 0;
  }
}
