import { randomInt, type RandomSource } from '../../../src/base/prng.js';
import { KvorumError } from '../../../src/client/index.js';
import { Load, type Caller } from './load.js';
import type { RegisterOperation } from './register.js';

export interface LoadSetup {
  readonly callers: readonly Caller[];
  readonly keys: readonly string[];
  readonly seed: number;
  /** Of the calls, in percent; the rest are writes. */
  readonly readsPercent?: number;
  readonly deletesPercent?: number;
}

/** Callers that read and write a few keys until they are stopped, and the history of what they saw. */
export class RegisterLoad extends Load {
  readonly operations: RegisterOperation[] = [];
  readonly #setup: LoadSetup;
  #values = 0;

  private constructor(setup: LoadSetup) {
    super();
    this.#setup = setup;
  }

  static start(setup: LoadSetup): RegisterLoad {
    const load = new RegisterLoad(setup);
    load.begin(setup.callers, setup.seed);
    return load;
  }

  protected async act(caller: Caller, random: RandomSource): Promise<void> {
    const { keys, readsPercent = 50, deletesPercent = 5 } = this.#setup;
    const key = keys[randomInt(random, keys.length)]!;
    const dice = randomInt(random, 100);
    if (dice < readsPercent) await this.#read(caller, key);
    else if (dice < readsPercent + deletesPercent) await this.#write(caller, key, undefined);
    else await this.#write(caller, key, `${caller.name}-${++this.#values}`);
  }

  async #read({ name, client }: Caller, key: string): Promise<void> {
    const startMs = performance.now();
    const value = await client.get(key);
    const endMs = performance.now();
    this.operations.push({ key, caller: name, input: { type: 'read' }, output: { value }, startMs, endMs });
  }

  async #write({ name, client }: Caller, key: string, value: string | undefined): Promise<void> {
    const startMs = performance.now();
    const input = { type: 'write', value } as const;
    try {
      await (value === undefined ? client.delete(key) : client.set(key, value));
      const endMs = performance.now();
      this.operations.push({ key, caller: name, input, output: { value: undefined }, startMs, endMs });
      this.writeAnswered(endMs);
    } catch (error) {
      if (error instanceof KvorumError && error.code === 'OUTCOME_UNKNOWN') {
        this.operations.push({ key, caller: name, input, output: undefined, startMs, endMs: Infinity });
      }
      throw error;
    }
  }

  /** The figures, for the test's output. */
  get summary(): string {
    const reads = this.operations.filter(({ input }) => input.type === 'read').length;
    return `${this.writeAnsweredMs.length} writes, ${reads} reads, ${this.outcomes}`;
  }
}
