/** Stands in one Callbacks, or in none any more. */
export interface Callback<T> {
  readonly call: (given: T) => void;
  previous: Callback<T> | undefined;
  next: Callback<T> | undefined;
  listed: boolean;
}

/**
 * Functions to be called once, in the order they were added. Adding and removing one takes the same short time
 * however many there are. No Set: the tables that it outgrew, once they are old, would keep the calls in memory.
 */
export class Callbacks<T> {
  #first: Callback<T> | undefined;
  #last: Callback<T> | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(call: (given: T) => void): Callback<T> {
    const added: Callback<T> = { call, previous: this.#last, next: undefined, listed: true };
    if (this.#last === undefined) this.#first = added;
    else this.#last.next = added;
    this.#last = added;
    this.#count += 1;
    return added;
  }

  /** Removing what was removed, or called, changes nothing. */
  remove(callback: Callback<T>): void {
    if (!callback.listed) return;
    const { previous, next } = callback;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // An old one must not hold on to younger ones.
    callback.previous = undefined;
    callback.next = undefined;
    callback.listed = false;
    this.#count -= 1;
  }

  /** Calls and removes all. */
  callAll(given: T): void {
    for (let callback = this.#first; callback !== undefined; callback = this.#first) {
      this.remove(callback);
      callback.call(given);
    }
  }
}
