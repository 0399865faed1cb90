import { Fifo } from '../../base/fifo.js';
import type { MemoryBudget } from './memory-budget.js';
import type { Turns } from './turns.js';

/** Answers are made for so long in one turn of the event loop; the rest wait for the next. */
const turnMsMax = 5;

/** Small answers are so quick that the clock is read for one of so many. */
const answersPerClockReading = 16;
const largeAnswerSizeBytes = 16 * 1024;

/** Work that ends with an answer, and waits until there is room and time for it. */
export interface WaitingAnswer {
  /** Nobody waits for it any more. */
  readonly over: boolean;
  /** @returns false if the making goes on behind this turn, so that nobody knows yet how large the answer gets */
  makeAnswer(): boolean;
  /** `makeAnswer` has thrown. */
  failed(error: unknown): void;
}

/**
 * Lets answers be made as long as there is memory for them and the turn has not taken too long. Connections take
 * turns, an answer each.
 */
export class AnswerTurns {
  readonly #memory: MemoryBudget;
  /** Those with something that waits, in the order of their turns; apart from them, those that wait for memory. */
  readonly #lines = new Fifo<AnswerLine>();
  readonly #blocked = new Set<AnswerLine>();
  #scheduled = false;
  /** Whatever is answered is written when a turn ends, so what has been written tells turns apart. */
  readonly #turns: Pick<Turns, 'count' | 'isAccepting'>;
  #turn = -1;
  #endsMs = 0;
  #made = 0;
  #timeIsUp = false;

  constructor(memory: MemoryBudget, turns: Pick<Turns, 'count' | 'isAccepting'>) {
    this.#memory = memory;
    this.#turns = turns;
  }

  /**
   * Whether one more answer may be made at once. To be asked for each that is made.
   *
   * @param fresh for a peer that has taken all that it was sent: it may have memory that others must leave
   */
  take(fresh: boolean): boolean {
    return this.#hasMemory(fresh) && this.#hasTime();
  }

  #hasMemory(fresh: boolean): boolean {
    return fresh ? !this.#memory.crowded : !this.#memory.spent;
  }

  #hasTime(): boolean {
    if (this.#turn !== this.#turns.count) this.#beginTurn();
    else if (!this.#timeIsUp && ++this.#made % answersPerClockReading === 0) this.#readClock();
    return !this.#timeIsUp;
  }

  /** Large ones take time to make. */
  took(sizeBytes: number): void {
    if (sizeBytes >= largeAnswerSizeBytes && this.#turn === this.#turns.count) this.#readClock();
  }

  #beginTurn(): void {
    this.#turn = this.#turns.count;
    this.#timeIsUp = false;
    this.#endsMs = performance.now() + (this.#turns.isAccepting ? 0 : turnMsMax);
  }

  #readClock(): void {
    this.#timeIsUp = performance.now() > this.#endsMs;
  }

  /** The line has something that waits, and may go on. */
  enter(line: AnswerLine): void {
    if (line.entered) return;
    line.entered = true;
    this.#lines.push(line);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.#beginTurn();
    const lines = this.#lines;
    while (lines.length > 0 && this.#hasTime()) {
      const line = lines.shift()!;
      if (!this.#hasMemory(line.nothingUnsent)) {
        this.#blocked.add(line);
        continue;
      }
      const made = line.makeNext();
      if (line.mayGoOn) lines.push(line);
      else line.entered = false;
      // Nobody knows yet how large it gets: what it takes must be counted before the next one may.
      if (!made) break;
    }
    if (lines.length > 0) this.#schedule();
    if (this.#blocked.size > 0) this.#memory.whenRoom(this.#onRoom);
  };

  readonly #onRoom = (): void => {
    for (const line of this.#blocked) this.#lines.push(line);
    this.#blocked.clear();
    this.#schedule();
  };

  /** The line's peer has taken all that it was sent: it need not wait until others let go of what they hold. */
  fresh(line: AnswerLine): void {
    if (!this.#blocked.delete(line)) return;
    this.#lines.push(line);
    this.#schedule();
  }
}

/** The answers of one connection that wait, in the order in which they came. */
export class AnswerLine {
  readonly #turns: AnswerTurns;
  readonly #unsentBytesMax: number;
  readonly #waiting = new Fifo<WaitingAnswer>();
  #unsentBytes = 0;
  /** Stands in the list of those that can go on. */
  entered = false;

  /** @param unsentBytesMax with more that the peer has not taken, nothing is made for it */
  constructor(turns: AnswerTurns, unsentBytesMax: number) {
    this.#turns = turns;
    this.#unsentBytesMax = unsentBytesMax;
  }

  /** The peer does not take what it asked for. */
  get full(): boolean {
    return this.#unsentBytes >= this.#unsentBytesMax;
  }

  get nothingUnsent(): boolean {
    return this.#unsentBytes === 0;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get mayGoOn(): boolean {
    return !this.isEmpty && !this.full;
  }

  /** Whether an answer may be made now; if not, it must wait here. To be asked for each that is made. */
  take(): boolean {
    return this.isEmpty && !this.full && this.#turns.take(this.nothingUnsent);
  }

  add(answer: WaitingAnswer): void {
    this.#waiting.push(answer);
    if (!this.full) this.#turns.enter(this);
  }

  /** Bytes of answers come to wait for the peer, or cease to when below zero. */
  unsent(sizeBytes: number): void {
    this.#unsentBytes += sizeBytes;
    if (sizeBytes > 0) this.#turns.took(sizeBytes);
    else if (this.mayGoOn) {
      this.#turns.enter(this);
      if (this.nothingUnsent) this.#turns.fresh(this);
    }
  }

  /** Makes the next one that somebody still waits for. @returns false if its making goes on */
  makeNext(): boolean {
    for (let answer = this.#waiting.shift(); answer !== undefined; answer = this.#waiting.shift()) {
      if (answer.over) continue;
      try {
        return answer.makeAnswer();
      } catch (error) {
        answer.failed(error);
        return true;
      }
    }
    return true;
  }

  /** Nobody waits any more. */
  clear(): void {
    this.#waiting.clear();
  }
}
