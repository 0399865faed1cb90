import { promised, type Completion } from '../../base/completion.js';
import { FairQueue } from '../../base/fair-queue.js';
import { Work } from '../../base/work.js';

/**
 * The gets of all batches share one slice of work in each turn of the event loop, however many batches there are and
 * however long they are. Where it is spent they wait, and connections take turns: who waits goes on alone, until he has
 * read what is left of a slice or pauses for something else.
 */
export class GetTurns {
  #work = new Work();
  readonly #waiting = new FairQueue<Completion<void>>();
  #scheduled = false;

  /** Before each get. @returns undefined: it may be made at once; else it waits */
  enter(connection: object): Promise<void> | undefined {
    this.#renewSoon();
    if (!this.#work.spent) return undefined;
    return promised((completion: Completion<void>) => this.#waiting.push(connection, completion));
  }

  /** A get was made, and has read so many bytes. */
  made(sizeBytes: number): void {
    this.#work.charge(sizeBytes);
  }

  /** A batch needs no more gets for now: the next one that waits may use what is left. */
  pauses(): void {
    if (!this.#work.spent) this.#waiting.shift()?.resolve();
  }

  #renewSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#renew);
  }

  readonly #renew = (): void => {
    this.#scheduled = false;
    this.#work = new Work();
    if (this.#waiting.isEmpty) return;
    this.#renewSoon();
    this.#waiting.shift()!.resolve();
  };
}
