import assert from 'node:assert/strict';
import { randomInt, type RandomSource } from '../../../src/base/prng.js';
import { KvorumError, type ConditionalResult, type KeyValue } from '../../../src/client/index.js';
import {
  describeViolation,
  History,
  madeRevision,
  type Answer,
  type Call,
  type Item,
  type Outcome,
} from '../../../sim/checkers/history.js';
import { checkLinearizability } from '../../../sim/checkers/linearizability.js';
import { checkRealTime } from '../../../sim/checkers/real-time.js';
import { WriteOrder } from '../../../sim/checkers/write-order.js';
import { Load, type Caller } from './load.js';

const workloads = ['register', 'append', 'compare-and-set'] as const;
/** A list grows with each append, and is read whole. */
const appendsPerKeyMax = 100;

export interface WorkloadsSetup {
  readonly callers: readonly Caller[];
  /** Begins all keys. Nobody else writes such keys, now or before. */
  readonly prefix: string;
  /** Of each workload, at a time. */
  readonly keyCount: number;
  readonly seed: number;
}

/**
 * Three workloads side by side, each on its own keys: a register is read, written and deleted; appends read a list
 * and put back a longer one, if it has not changed; comparisons set and delete what was seen shortly before. The
 * history is the simulator's, and so are its checks.
 */
export class Workloads extends Load {
  readonly #history = new History();
  readonly #setup: WorkloadsSetup;
  #values = 0;
  #appends = 0;
  /** By key: the mod revision that a caller saw last; 0: there was no such key. */
  readonly #modRevisions = new Map<string, number>();

  private constructor(setup: WorkloadsSetup) {
    super();
    this.#setup = setup;
  }

  static start(setup: WorkloadsSetup): Workloads {
    const load = new Workloads(setup);
    load.begin(setup.callers, setup.seed);
    return load;
  }

  protected async act(caller: Caller, random: RandomSource): Promise<void> {
    const workload = workloads[randomInt(random, workloads.length)]!;
    const key = `${this.#setup.prefix}/${workload}-${randomInt(random, this.#setup.keyCount)}`;
    switch (workload) {
      case 'register':
        return this.#useRegister(caller, random, key);
      case 'append': {
        const list = `${key}-${Math.floor(this.#appends / (appendsPerKeyMax * this.#setup.keyCount))}`;
        if (randomInt(random, 100) < 30) await this.#read(caller, list);
        else await this.#append(caller, list);
        return;
      }
      case 'compare-and-set':
        return this.#compare(caller, random, key);
    }
  }

  /**
   * Invokes, performs, and notes what became of it.
   *
   * @param toAnswer undefined: it did nothing, and will not
   * @throws what `perform` throws
   */
  async #record<T>(
    { name }: Caller,
    call: Call,
    perform: () => Promise<T>,
    toAnswer: (result: T) => Answer | undefined,
  ): Promise<T> {
    const id = this.#history.invoke(name, name, call, performance.now());
    try {
      const result = await perform();
      const answer = toAnswer(result);
      const outcome: Outcome =
        answer === undefined ? { kind: 'failed', code: 'NOT_EXPECTED' } : { kind: 'ok', answer };
      this.#history.respond(id, outcome, performance.now());
      if (answer !== undefined && madeRevision(answer)) this.writeAnswered(performance.now());
      return result;
    } catch (error) {
      const { outcome, code } =
        error instanceof KvorumError ? error : { outcome: 'unknown', code: 'INTERNAL' };
      // A read has no effect, whatever became of it.
      const kind = outcome === 'unknown' && call.type !== 'range' ? 'unknown' : 'failed';
      this.#history.respond(id, { kind, code }, performance.now());
      throw error;
    }
  }

  #read(caller: Caller, key: string): Promise<KeyValue | undefined> {
    const call: Call = { type: 'range', key, end: undefined, revision: 0, limit: 0, serializable: false };
    return this.#record(
      caller,
      call,
      () => caller.client.getPair(key),
      (pair) => {
        const items = pair === undefined ? [] : [toItem(pair)];
        return { type: 'range', revision: 0, items, count: items.length };
      },
    );
  }

  async #useRegister(caller: Caller, random: RandomSource, key: string): Promise<void> {
    const dice = randomInt(random, 100);
    if (dice < 50) await this.#read(caller, key);
    else if (dice < 55) {
      await this.#record(
        caller,
        { type: 'delete', key, end: undefined, previous: false },
        () => caller.client.delete(key),
        ({ revision, deleted }) => ({
          type: 'delete',
          revision,
          deletedCount: deleted ? 1 : 0,
          previous: [],
        }),
      );
    } else {
      const value = this.#newValue(caller);
      await this.#record(
        caller,
        { type: 'put', key, value, previous: false },
        () => caller.client.set(key, value),
        ({ revision }) => ({ type: 'put', revision, previous: undefined }),
      );
    }
  }

  #newValue({ name }: Caller): string {
    return `${name}.${++this.#values}`;
  }

  async #append(caller: Caller, key: string): Promise<void> {
    const value = `${this.#newValue(caller)},`;
    this.#appends++;
    const pair = await this.#read(caller, key);
    const longer = (pair === undefined ? '' : toItem(pair).value) + value;
    await this.#record(
      caller,
      { type: 'append', key, value },
      () => caller.client.compareAndSet(key, pair?.modRevision ?? 0, longer),
      ({ succeeded, revision }) => (succeeded ? { type: 'append', revision } : undefined),
    );
  }

  async #compare(caller: Caller, random: RandomSource, key: string): Promise<void> {
    const dice = randomInt(random, 100);
    if (dice < 60) {
      const pair = await this.#read(caller, key);
      this.#modRevisions.set(key, pair?.modRevision ?? 0);
      if (dice < 20) return;
    }
    const is = dice < 95 ? (this.#modRevisions.get(key) ?? 0) : 0;
    const isDelete = randomInt(random, 100) < 15;
    const value = this.#newValue(caller);
    const expected = { by: 'revision', is } as const;
    const call: Call = isDelete
      ? { type: 'compare-and-delete', key, expected }
      : { type: 'compare-and-set', key, expected, value };
    const { modRevision } = await this.#record(
      caller,
      call,
      (): Promise<ConditionalResult> =>
        isDelete ? caller.client.compareAndDelete(key, is) : caller.client.compareAndSet(key, is, value),
      (result) => ({
        type: call.type,
        revision: result.revision,
        done: result.succeeded,
        found: result.succeeded ? is : result.modRevision,
      }),
    );
    this.#modRevisions.set(key, modRevision);
  }

  /** Throws if no order of the calls explains what was seen, or revisions do not agree with real time. */
  check(): void {
    const { operations } = this.#history;
    const { violations, undecided } = checkLinearizability(operations);
    const order = new WriteOrder(operations);
    const [violation] = [...violations, ...order.violations, ...checkRealTime(operations, order)];
    if (violation !== undefined) assert.fail(describeViolation(violation));
    assert.deepEqual(
      undecided,
      [],
      'keys whose calls could not be ordered in the time that a search is given',
    );
  }

  /** The figures, for the test's output. */
  get summary(): string {
    const answers = this.#history.operations.flatMap(({ outcome }) =>
      outcome.kind === 'ok' ? [outcome.answer] : [],
    );
    const count = (...types: Answer['type'][]): number =>
      answers.filter(({ type }) => types.includes(type)).length;
    const unequal = answers.filter((answer) => 'done' in answer && !answer.done).length;
    const comparisons = count('compare-and-set', 'compare-and-delete');
    return (
      `${count('put', 'delete')} register writes, ${count('append')} appends, ` +
      `${comparisons} comparisons (${unequal} unequal), ${count('range')} reads, ${this.outcomes}`
    );
  }
}

function toItem({ key, value, createRevision, modRevision, version }: KeyValue): Item {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
  return { key: text(key), value: text(value), createRevision, modRevision, version };
}
