import type { Log } from '../../base/log.js';
import type { Turns, TurnTask } from './turns.js';

/** One connection may take some milliseconds, if it has thousands of streams; others take none. */
const visitsMsPerTurn = 1;

/** Does something with all connections, some in each turn of the event loop. */
export class ConnectionRounds<T> implements TurnTask {
  readonly #connections: Iterable<T>;
  readonly #visit: (connection: T, nowMs: number) => void;
  readonly #turns: Turns;
  readonly #log: Log;
  readonly #now: () => number;
  #left: T[] = [];

  /** @param now monotonic, milliseconds */
  constructor(
    connections: Iterable<T>,
    visit: (connection: T, nowMs: number) => void,
    { turns, log }: { readonly turns: Turns; readonly log: Log },
    now = () => performance.now(),
  ) {
    this.#connections = connections;
    this.#visit = visit;
    this.#turns = turns;
    this.#log = log;
    this.#now = now;
  }

  /** Nothing happens while the round before goes on. */
  begin(): void {
    if (this.#left.length > 0) return;
    this.#left = [...this.#connections];
    this.#goOn();
  }

  turn(): void {
    let nowMs = this.#now();
    const endMs = nowMs + visitsMsPerTurn;
    for (; nowMs < endMs && this.#left.length > 0; nowMs = this.#now()) this.#visit(this.#left.pop()!, nowMs);
    this.#goOn();
  }

  failed(error: unknown): void {
    this.#log.error({ err: error }, 'a connection could not be visited for a reason that is a bug');
    this.#goOn();
  }

  #goOn(): void {
    if (this.#left.length > 0) this.#turns.schedule(this);
  }
}
