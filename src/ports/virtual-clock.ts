import { assert, InvariantError } from '../base/assert.js';
import type { Clock, Timer } from './clock.js';

const settled = Promise.resolve();

/** More turns than this in a row without time passing is a loop that never ends. */
const turnsInRowMax = 1_000_000;

/**
 * Time that moves only when told. Deterministic: timers fire in the order of their due times, those due at
 * the same time in the order they were set, and all turns asked for run before time moves on.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #wallOffsetMs: number;
  /** A binary heap by (dueMs, order set). */
  readonly #timers = new TimerHeap();
  #turns: (() => void)[] = [];
  #turnsInRow = 0;

  constructor(options: { startMs?: number; wallStartMs?: number } = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.#wallOffsetMs = (options.wallStartMs ?? 0) - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    // The message would cost more than the timer: to write a fraction in decimals takes long.
    if (!(delayMs >= 0)) throw new InvariantError(`timer delay is ${delayMs}`);
    return this.#timers.add(this.#nowMs + delayMs, callback);
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** When the next timer is due, on monotonicMs(); undefined if none is set. */
  nextTimerMs(): number | undefined {
    return this.#timers.first()?.dueMs;
  }

  /** Whether a turn was asked for that has not run. */
  get turnsPending(): boolean {
    return this.#turns.length > 0;
  }

  /** Runs one turn: what was asked for so far. What that asks for is the turn after. */
  runTurn(): void {
    const turns = this.#turns;
    this.#turns = [];
    for (const turn of turns) turn();
  }

  /** Runs turns until none is asked for. */
  runTurns(): void {
    for (let rounds = 0; this.turnsPending; rounds++) {
      assert(rounds < turnsInRowMax, 'turns go on without end while time stands still');
      this.runTurn();
    }
  }

  /** Lets `ms` pass: fires what becomes due on the way, with the turns each asks for. */
  advance(ms: number): void {
    assert(ms >= 0, `time cannot go back by ${-ms} ms`);
    const untilMs = this.#nowMs + ms;
    this.runTurns();
    while (this.#fireNext(untilMs)) this.runTurns();
    this.#nowMs = untilMs;
  }

  /**
   * As advance(), with the reactions of all settled promises run behind each timer and each turn: for code that
   * awaits.
   * @param stop asked after each of them; true ends the advance there
   */
  advanceAsync(ms: number, stop: () => boolean = () => false): Promise<void> {
    assert(ms >= 0, `time cannot go back by ${-ms} ms`);
    const untilMs = this.#nowMs + ms;
    return new Promise((resolve, reject) => {
      // Given to the tick queue by a reaction, it runs when no other is left: Node does so exactly then. A macrotask
      // would take a round through the event loop, many times slower.
      const stepAsReaction = (): void => void settled.then(step);
      const step = (): void => {
        try {
          if (stop()) resolve();
          else if (this.#runNext(untilMs)) process.nextTick(stepAsReaction);
          else {
            this.#nowMs = untilMs;
            resolve();
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      // From outside of any reaction the tick queue comes before them: the first round only gets inside.
      process.nextTick(() => void settled.then(() => process.nextTick(stepAsReaction)));
    });
  }

  #runNext(untilMs: number): boolean {
    if (!this.turnsPending) return this.#fireNext(untilMs);
    assert(++this.#turnsInRow < turnsInRowMax, 'turns go on without end while time stands still');
    this.runTurn();
    return true;
  }

  #fireNext(untilMs: number): boolean {
    const next = this.#timers.first();
    if (next === undefined || next.dueMs > untilMs) return false;
    this.#timers.removeFirst();
    if (next.dueMs > this.#nowMs) {
      this.#nowMs = next.dueMs;
      this.#turnsInRow = 0;
    }
    next.callback();
    return true;
  }
}

class HeapNode implements Timer {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly order: number;
  readonly #heap: TimerHeap;
  cancelled = false;

  constructor(heap: TimerHeap, dueMs: number, order: number, callback: () => void) {
    this.#heap = heap;
    this.dueMs = dueMs;
    this.order = order;
    this.callback = callback;
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.#heap.noteCancelled();
  }
}

class TimerHeap {
  readonly #nodes: HeapNode[] = [];
  #added = 0;
  /** Cancelled nodes still in the heap; swept when they are the larger half. */
  #cancelled = 0;

  add(dueMs: number, callback: () => void): Timer {
    const node = new HeapNode(this, dueMs, this.#added++, callback);
    this.#nodes.push(node);
    this.#up(this.#nodes.length - 1);
    return node;
  }

  first(): HeapNode | undefined {
    while (this.#nodes[0]?.cancelled === true) {
      this.#cancelled--;
      this.#removeTop();
    }
    return this.#nodes[0];
  }

  removeFirst(): void {
    const node = this.first();
    assert(node !== undefined, 'no timer to remove');
    // A cancel() after firing must not count as one of the heap's.
    node.cancelled = true;
    this.#removeTop();
  }

  noteCancelled(): void {
    this.#cancelled++;
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#nodes.length) this.#sweep();
  }

  #sweep(): void {
    const live = this.#nodes.filter((node) => !node.cancelled).sort(compareNodes);
    // A sorted array is a heap.
    this.#nodes.splice(0, this.#nodes.length, ...live);
    this.#cancelled = 0;
  }

  #removeTop(): void {
    const last = this.#nodes.pop();
    if (last === undefined || this.#nodes.length === 0) return;
    this.#nodes[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    const nodes = this.#nodes;
    const node = nodes[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compareNodes(nodes[parent]!, node) <= 0) break;
      nodes[at] = nodes[parent]!;
      at = parent;
    }
    nodes[at] = node;
  }

  #down(from: number): void {
    const nodes = this.#nodes;
    const node = nodes[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= nodes.length) break;
      if (child + 1 < nodes.length && compareNodes(nodes[child + 1]!, nodes[child]!) < 0) child++;
      if (compareNodes(node, nodes[child]!) <= 0) break;
      nodes[at] = nodes[child]!;
      at = child;
    }
    nodes[at] = node;
  }
}

function compareNodes(left: HeapNode, right: HeapNode): number {
  return left.dueMs - right.dueMs || left.order - right.order;
}
