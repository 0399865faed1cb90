import { FairQueue } from '../../base/fair-queue.js';

/** Pages that grow at the same time. Each holds what it has so far, which the transport only counts as it comes. */
export const pagesGatheredMax = 4;

/** A page whose turn it may be: it is to ask for its turn again, or to have gone. */
export interface WaitingPage {
  turnIsFree(): void;
}

/**
 * Lets few pages grow at a time, whoever asks for how many: connections take turns. A page that waits here holds
 * nothing, and no place among those that grow before its caller has room for it.
 */
export class PageTurns {
  #growing = 0;
  readonly #waiting = new FairQueue<WaitingPage>();

  /** @returns whether the page may grow now, until leave(); else it is told when to ask again */
  enter(connection: object, page: WaitingPage): boolean {
    if (this.#growing >= pagesGatheredMax) {
      this.#waiting.push(connection, page);
      return false;
    }
    this.#growing++;
    return true;
  }

  leave(): void {
    this.#growing--;
    while (this.#growing < pagesGatheredMax) {
      const page = this.#waiting.shift();
      if (page === undefined) return;
      page.turnIsFree();
    }
  }
}
