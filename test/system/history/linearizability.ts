/** A call on a shared object, as its caller saw it. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** Undefined: the outcome is unknown. It may have taken effect at any time after the start, or never. */
  readonly output: Output | undefined;
  /** On one clock for all callers. */
  readonly startMs: number;
  /** Infinity: the outcome is unknown. */
  readonly endMs: number;
}

/** What an object does when its calls come one after the other. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** Equal states, and only those, have equal keys. */
  stateKey(state: State): string;
  /** @returns undefined: the call cannot have had this output in this state */
  step(state: State, operation: Operation<Input, Output>): { readonly state: State } | undefined;
}

/** The call or the return of an operation, in a list by time. */
interface Mark {
  readonly at: number;
  readonly isCall: boolean;
  previous: Mark | undefined;
  next: Mark | undefined;
}

/**
 * Whether the operations could have taken effect one after the other, each at a moment between its start and its
 * end. The search is Wing and Gong's, with Lowe's memory of configurations seen ("Testing for linearizability",
 * 2017, section 4).
 *
 * @returns undefined if they could; else the operation that fits nowhere behind the longest order found
 */
export function findViolation<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): Operation<Input, Output> | undefined {
  const sorted = [...operations].sort((left, right) => left.startMs - right.startMs);
  const search = new Search(model, sorted);
  return search.run() ? undefined : sorted[search.stuckAt];
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #head: Mark = { at: -1, isCall: false, previous: undefined, next: undefined };
  readonly #returns: (Mark | undefined)[];
  readonly #taken: Uint8Array;
  /** All before it are taken. */
  #low = 0;
  #high = -1;
  #mustLeft = 0;
  readonly #seen = new Set<string>();
  readonly #stack: {
    readonly call: Mark;
    readonly state: State;
    readonly low: number;
    readonly high: number;
  }[] = [];
  #deepest = -1;
  stuckAt = 0;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model;
    this.#operations = operations;
    this.#taken = new Uint8Array(operations.length);
    this.#returns = operations.map(() => undefined);
    const marks = operations.flatMap(({ startMs, endMs }, at) => {
      const mark = (isCall: boolean): Mark => ({ at, isCall, previous: undefined, next: undefined });
      const call = { time: startMs, mark: mark(true) };
      if (endMs === Infinity) return [call];
      const back = mark(false);
      this.#returns[at] = back;
      this.#mustLeft++;
      return [call, { time: endMs, mark: back }];
    });
    // At the same moment calls come first: whether one ended before the other began is not known then.
    marks.sort(
      (left, right) => left.time - right.time || Number(right.mark.isCall) - Number(left.mark.isCall),
    );
    let last = this.#head;
    for (const { mark } of marks) {
      last.next = mark;
      mark.previous = last;
      last = mark;
    }
  }

  run(): boolean {
    let state = this.#model.initial;
    let mark = this.#head.next;
    while (this.#mustLeft > 0) {
      if (mark?.isCall === true) {
        const next = this.#model.step(state, this.#operations[mark.at]!);
        if (next !== undefined && this.#take(mark, state, next.state)) {
          state = next.state;
          mark = this.#head.next;
        } else {
          mark = mark.next;
        }
        continue;
      }
      // The end of an operation that found no place, or of the list.
      if (this.#stack.length > this.#deepest && mark !== undefined) {
        this.#deepest = this.#stack.length;
        this.stuckAt = mark.at;
      }
      const last = this.#stack.pop();
      if (last === undefined) return false;
      this.#giveBack(last);
      state = last.state;
      mark = last.call.next;
    }
    return true;
  }

  /** @returns false if this configuration was tried before */
  #take(call: Mark, before: State, after: State): boolean {
    const { at } = call;
    const [low, high] = [this.#low, this.#high];
    this.#taken[at] = 1;
    this.#high = Math.max(high, at);
    while (this.#taken[this.#low] === 1) this.#low++;
    const configuration = this.#configuration(after);
    if (this.#seen.has(configuration)) {
      this.#taken[at] = 0;
      [this.#low, this.#high] = [low, high];
      return false;
    }
    this.#seen.add(configuration);
    this.#stack.push({ call, state: before, low, high });
    unlink(call);
    const back = this.#returns[at];
    if (back === undefined) return true;
    unlink(back);
    this.#mustLeft--;
    return true;
  }

  #giveBack({ call, low, high }: { readonly call: Mark; readonly low: number; readonly high: number }): void {
    const back = this.#returns[call.at];
    if (back !== undefined) {
      relink(back);
      this.#mustLeft++;
    }
    relink(call);
    this.#taken[call.at] = 0;
    [this.#low, this.#high] = [low, high];
  }

  #configuration(state: State): string {
    const beyond: number[] = [];
    for (let at = this.#low + 1; at <= this.#high; at++) if (this.#taken[at] === 1) beyond.push(at);
    return `${this.#low};${beyond.join(',')};${this.#model.stateKey(state)}`;
  }
}

function unlink(mark: Mark): void {
  mark.previous!.next = mark.next;
  if (mark.next !== undefined) mark.next.previous = mark.previous;
}

/** Puts back what was unlinked last. */
function relink(mark: Mark): void {
  mark.previous!.next = mark;
  if (mark.next !== undefined) mark.next.previous = mark;
}
