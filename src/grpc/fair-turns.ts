import { FairQueue } from '../base/fair-queue.js';
import type { Turns, TurnTask } from './http2/turns.js';

/** For so long tasks run in a turn of the event loop; the first one that goes past it is the last. */
export const turnMsMax = 1;

/** Runs tasks for a short time each turn; clients, which may have many or few of them, come one after the other. */
export class FairTurns {
  readonly #waiting = new FairQueue<TurnTask>();
  #scheduled = false;
  readonly #turns: Pick<Turns, 'isAccepting'>;

  /** @param turns of the same event loop: where they only accept, so do these */
  constructor(turns: Pick<Turns, 'isAccepting'>) {
    this.#turns = turns;
  }

  /** @param client who has his turn with it */
  schedule(client: object, task: TurnTask): void {
    this.#waiting.push(client, task);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    if (this.#turns.isAccepting) {
      setImmediate(this.#run);
      return;
    }
    const endMs = performance.now() + turnMsMax;
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) {
      try {
        task.turn();
      } catch (error) {
        task.failed(error);
      }
      if (performance.now() >= endMs) break;
    }
    this.#scheduled = !this.#waiting.isEmpty;
    if (this.#scheduled) setImmediate(this.#run);
  };
}
