import type { Clock, Timer } from '../src/ports/clock.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';

/** How the process of one member experiences time. */
export interface ProcessOptions {
  /** Its clock's speed: 1 is right. */
  readonly rate: number;
  readonly wallOffsetMs: number;
  /** How long until a turn that was asked for runs: the time that the work before it takes. */
  readonly turnMs: () => number;
  /** Told before anything runs in the process. */
  readonly entered: () => void;
}

/** What rates may round to. */
const roundingMsMax = 1e-6;

class ProcessTimer implements Timer {
  /** Its like on the true clock. */
  underlying: Timer | undefined;
  /** On the process's clock. */
  readonly dueMs: number;
  /** What its like makes up for: the machine had been suspended for so long when it was set. */
  suspendedMs: number;
  readonly #callback: () => void;
  #cancelled = false;

  constructor(dueMs: number, suspendedMs: number, callback: () => void) {
    this.dueMs = dueMs;
    this.suspendedMs = suspendedMs;
    this.#callback = callback;
  }

  /** Late where the process was stopped: it may have been cancelled since it was due. */
  fire(): void {
    if (!this.#cancelled) this.#callback();
  }

  cancel(): void {
    this.#cancelled = true;
    this.underlying?.cancel();
  }
}

/**
 * One life of a member's process: everything that runs in it passes through here, so that it can be stopped for a
 * while (SIGSTOP) or for ever (kill, power loss), and its clock can be wrong.
 */
export class Process implements Clock {
  readonly #clock: VirtualClock;
  readonly #options: ProcessOptions;
  #rate: number;
  /** 0: the machine is suspended. */
  #rateNow: number;
  #suspendedSinceMs: number | undefined;
  /** In all, on the true clock. */
  #suspendedMs = 0;
  #wallOffsetMs: number;
  /** The process's own time was `#sinceLocalMs` when the true one was `#sinceMs`. */
  #sinceMs: number;
  #sinceLocalMs: number;
  /** No earlier than the last timer that was due: rates round. */
  #leastMs = 0;
  #paused = false;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(clock: VirtualClock, options: ProcessOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#rate = options.rate;
    this.#rateNow = options.rate;
    this.#wallOffsetMs = options.wallOffsetMs;
    this.#sinceMs = clock.monotonicMs();
    this.#sinceLocalMs = this.#sinceMs;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get paused(): boolean {
    return this.#paused;
  }

  monotonicMs(): number {
    const ms = this.#sinceLocalMs + (this.#clock.monotonicMs() - this.#sinceMs) * this.#rateNow;
    return Math.max(ms, this.#leastMs);
  }

  wallMs(): number {
    return this.monotonicMs() + this.#wallOffsetMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = new ProcessTimer(this.monotonicMs() + delayMs, this.#suspendedMs, callback);
    timer.underlying = this.#clock.setTimer(delayMs / this.#rate, () => this.#due(timer));
    return timer;
  }

  #due(timer: ProcessTimer): void {
    const { dueMs } = timer;
    if (this.#suspendedSinceMs !== undefined) {
      // It had so long to go when its clock stopped.
      const leftMs = this.#clock.monotonicMs() - this.#suspendedSinceMs;
      this.enter(() => this.#goOn(timer, leftMs));
      return;
    }
    const lateMs = this.#suspendedMs - timer.suspendedMs;
    if (lateMs > 0) {
      this.#goOn(timer, lateMs);
      return;
    }
    if (dueMs - this.monotonicMs() < roundingMsMax) this.#leastMs = Math.max(this.#leastMs, dueMs);
    if (this.#paused) this.enter(() => timer.fire());
    else if (!this.#ended) {
      this.#options.entered();
      timer.fire();
    }
  }

  #goOn(timer: ProcessTimer, leftMs: number): void {
    timer.suspendedMs = this.#suspendedMs;
    timer.underlying = this.#clock.setTimer(leftMs, () => this.#due(timer));
  }

  nextTurn(callback: () => void): void {
    const delayMs = this.#options.turnMs();
    const turn = (): void => this.enter(callback);
    if (delayMs === 0) this.#clock.nextTurn(turn);
    else this.#clock.setTimer(delayMs, turn);
  }

  /** Runs `action` in the process: now, when it goes on, or never if it has ended. */
  enter(action: () => void): void {
    if (this.#ended) return;
    if (this.#paused) {
      this.#waiting.push(action);
      return;
    }
    this.#options.entered();
    action();
  }

  /** Resolves in the process: at once, when it goes on, or never. */
  entering(): Promise<void> {
    return new Promise((resolve) => this.enter(resolve));
  }

  /** Runs `action` in the process and hands its result out. */
  call<T>(action: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.enter(() => {
        action().then(resolve, reject);
      });
    });
  }

  pause(): void {
    this.#paused = true;
  }

  /** As pause(), of the whole machine: its monotonic clock stands still meanwhile, the wall clock goes on. */
  suspend(): void {
    this.pause();
    this.#suspendedSinceMs = this.#clock.monotonicMs();
    this.#setRate(0);
  }

  #wakeUp(): void {
    const forMs = this.#clock.monotonicMs() - this.#suspendedSinceMs!;
    this.#suspendedSinceMs = undefined;
    this.#suspendedMs += forMs;
    this.#wallOffsetMs += forMs * this.#rate;
    this.#setRate(this.#rate);
  }

  /** What came meanwhile is taken in, in the order in which `reorder` puts it. */
  resume(reorder: (waiting: (() => void)[]) => (() => void)[]): void {
    if (!this.#paused) return;
    if (this.#suspendedSinceMs !== undefined) this.#wakeUp();
    this.#paused = false;
    const waiting = reorder(this.#waiting);
    this.#waiting = [];
    // Each as an event of its own, with the reactions of promises in between.
    for (const action of waiting) this.#clock.setTimer(0, () => this.enter(action));
  }

  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  /** From now on its clock runs at `rate`. Timers that are set already keep their time. */
  drift(rate: number): void {
    this.#rate = rate;
    if (this.#suspendedSinceMs === undefined) this.#setRate(rate);
  }

  #setRate(rate: number): void {
    this.#sinceLocalMs = this.monotonicMs();
    this.#sinceMs = this.#clock.monotonicMs();
    this.#rateNow = rate;
  }

  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
