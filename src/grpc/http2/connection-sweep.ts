import type { Log } from '../../base/log.js';
import type { Turns, TurnTask } from './turns.js';

/** A look at one connection may take some milliseconds, if it has thousands of streams; others take none. */
const sweepMsPerTurn = 1;

interface Swept {
  /** Checks what takes too long. */
  sweep(nowMs: number): void;
}

/** Looks at all connections for what takes too long, some in each turn of the event loop. */
export class ConnectionSweep implements TurnTask {
  readonly #connections: Iterable<Swept>;
  readonly #turns: Turns;
  readonly #log: Log;
  readonly #now: () => number;
  #left: Swept[] = [];

  /** @param now monotonic, milliseconds */
  constructor(connections: Iterable<Swept>, turns: Turns, log: Log, now = () => performance.now()) {
    this.#connections = connections;
    this.#turns = turns;
    this.#log = log;
    this.#now = now;
  }

  /** To be called about once a second; nothing happens while the sweep before goes on. */
  begin(): void {
    if (this.#left.length > 0) return;
    this.#left = [...this.#connections];
    this.#goOn();
  }

  turn(): void {
    let nowMs = this.#now();
    const endMs = nowMs + sweepMsPerTurn;
    for (; nowMs < endMs && this.#left.length > 0; nowMs = this.#now()) this.#left.pop()!.sweep(nowMs);
    this.#goOn();
  }

  failed(error: unknown): void {
    this.#log.error({ err: error }, 'a connection could not be looked at for a reason that is a bug');
    this.#goOn();
  }

  #goOn(): void {
    if (this.#left.length > 0) this.#turns.schedule(this);
  }
}
