import { Fifo } from '../base/fifo.js';

/** A call that was cut short, and whose handler is to be told. */
interface Interrupted {
  interrupt(): void;
}

/** A handler that is told costs some ten microseconds: its signal, its promises, what it cleans up. */
export const interruptionsPerTurn = 256;

/**
 * Tells handlers that their calls were cut short. A lost network, or one client that goes, may end tens of thousands
 * of calls in one turn of the event loop: the first of a turn are told at once, the others in the turns that follow.
 */
export class Interruptions {
  #left = interruptionsPerTurn;
  readonly #waiting = new Fifo<Interrupted>();
  #scheduled = false;

  add(call: Interrupted): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#nextTurn);
    }
    if (this.#left === 0) {
      this.#waiting.push(call);
      return;
    }
    this.#left--;
    call.interrupt();
  }

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#left = interruptionsPerTurn;
    const count = Math.min(this.#waiting.length, interruptionsPerTurn);
    for (let told = 0; told < count; told++) this.add(this.#waiting.shift()!);
  };
}
