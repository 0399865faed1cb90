import { FairQueue } from '../../base/fair-queue.js';
import { Fifo } from '../../base/fifo.js';

/**
 * Input is begun with for so long in a turn, over all connections. What comes later waits for the next turn, in which
 * other things of the process come in between: heartbeats, above all.
 */
export const intakeMsMax = 5;

/**
 * An owner goes on for so long before the next one has his turn: who sends what takes long has one piece of it taken in,
 * who sends what takes little has many.
 */
const ownerMsMax = 0.5;

/** What the input brought about is done for so long in a turn: a write for each connection, of which thousands may have one. */
const tasksMsMax = 5;

/**
 * Each turn of the event loop accepts one connection, however many wait: hundreds may, when a network is back, or from
 * an attacker, before somebody who is new. So while they come, so many turns in a row do nothing else.
 */
export const acceptingTurnsMax = 8;

export interface TurnTask {
  /** Called once for each time it was scheduled; may schedule itself again, for the next turn. */
  turn(): void;
  /** Its turn has thrown. */
  failed(error: unknown): void;
}

export interface Reader {
  /** Called once for each time it was deferred; may be deferred again, for a later turn. */
  takeIn(): void;
  failed(error: unknown): void;
}

/**
 * Runs what was scheduled, once the input that is ready has been taken in, in one callback a turn. Input past its time
 * waits in line; owners, who may have many connections or few, have about as much time each.
 */
export class Turns {
  readonly #now: () => number;
  readonly #tookIn: () => void;
  readonly #tasks = new Fifo<TurnTask>();
  readonly #waiting = new FairQueue<Reader>();
  /** Those that were deferred while the waiting had their turn. */
  #deferred: (readonly [owner: object, reader: Reader])[] | undefined;
  #scheduled = false;
  /** When this turn began; NaN if nothing has come since the last one. */
  #sinceMs = NaN;
  /** Turns that have been run. */
  count = 0;
  /** A connection came since the last one. */
  #connected = false;
  /** Turns in a row that did nothing but accept. */
  #acceptingTurns = 0;

  /**
   * @param now monotonic, milliseconds
   * @param tookIn called behind each reader that was waiting, as nothing else comes in between them
   */
  constructor(now: () => number = () => performance.now(), tookIn: () => void = () => {}) {
    this.#now = now;
    this.#tookIn = tookIn;
  }

  schedule(task: TurnTask): void {
    this.#tasks.push(task);
    this.#wake();
  }

  /** To be asked before input is taken in. Whoever takes some in schedules a task for what it brings about. */
  mayTakeIn(): boolean {
    if (this.isAccepting) return false;
    const nowMs = this.#now();
    if (Number.isNaN(this.#sinceMs)) this.#sinceMs = nowMs;
    return nowMs - this.#sinceMs < intakeMsMax;
  }

  /** A connection was accepted: perhaps others wait. */
  connected(): void {
    this.#connected = true;
    this.#wake();
  }

  /** This turn is to be over soon: connections come. What else there is to do waits, for a few turns at most. */
  get isAccepting(): boolean {
    return (this.#connected || this.#acceptingTurns > 0) && this.#acceptingTurns < acceptingTurnsMax;
  }

  /** @param owner whose turn it takes */
  defer(owner: object, reader: Reader): void {
    if (this.#deferred === undefined) this.#waiting.push(owner, reader);
    else this.#deferred.push([owner, reader]);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.count++;
    if (this.#connected && this.isAccepting) {
      this.#connected = false;
      this.#acceptingTurns++;
      setImmediate(this.#run);
      return;
    }
    this.#connected = false;
    this.#acceptingTurns = 0;
    if (!this.#waiting.isEmpty) this.#takeIn();
    this.#scheduled = false;
    this.#runTasks();
    if (!this.#waiting.isEmpty || this.#tasks.length > 0) this.#wake();
    // Those that still wait come before whatever comes now: theirs is the time of that turn too.
    if (this.#waiting.isEmpty) this.#sinceMs = NaN;
  };

  #runTasks(): void {
    const endMs = this.#now() + tasksMsMax;
    // Those that are scheduled meanwhile are for the next turn.
    for (let left = this.#tasks.length; left > 0; left--) {
      const task = this.#tasks.shift()!;
      try {
        task.turn();
      } catch (error) {
        task.failed(error);
      }
      if (this.#now() >= endMs) return;
    }
  }

  #takeIn(): void {
    this.#sinceMs = this.#now();
    this.#deferred = [];
    const endMs = this.#sinceMs + intakeMsMax;
    let nowMs = this.#sinceMs;
    while (nowMs < endMs) {
      const owner = this.#waiting.nextOwner();
      if (owner === undefined) break;
      nowMs = this.#takeInOf(owner, nowMs + ownerMsMax);
    }
    for (const [owner, reader] of this.#deferred) this.#waiting.push(owner, reader);
    this.#deferred = undefined;
  }

  /** @returns the time when one reader, or several, have taken in what they had */
  #takeInOf(owner: object, endMs: number): number {
    for (;;) {
      const reader = this.#waiting.shiftOf(owner)!;
      try {
        reader.takeIn();
      } catch (error) {
        reader.failed(error);
      }
      this.#tookIn();
      const nowMs = this.#now();
      if (nowMs >= endMs || !this.#waiting.has(owner)) return nowMs;
    }
  }
}
