import type { KvorumClient } from '../../../src/client/index.js';
import { KvorumError } from '../../../src/client/index.js';
import { Prng, randomInt } from '../../../src/base/prng.js';
import type { RegisterOperation } from './register.js';

export interface Caller {
  readonly name: string;
  readonly client: KvorumClient;
}

export interface LoadSetup {
  /** Each makes one call after the other. */
  readonly callers: readonly Caller[];
  readonly keys: readonly string[];
  readonly seed: number;
  /** Of the calls, in percent; the rest are writes. */
  readonly readsPercent?: number;
  readonly deletesPercent?: number;
}

/** Callers that read and write a few keys until they are stopped, and the history of what they saw. */
export class RegisterLoad {
  readonly operations: RegisterOperation[] = [];
  /** When each acknowledged write was answered. */
  readonly writeAnsweredMs: number[] = [];
  /** Of writes that may or may not have taken effect. */
  readonly unknown: KvorumError[] = [];
  /** Of calls that certainly did nothing. */
  readonly refused: KvorumError[] = [];
  readonly #setup: LoadSetup;
  readonly #running: Promise<unknown>;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #failure: Error | undefined;
  #stopping = false;

  private constructor(setup: LoadSetup) {
    this.#setup = setup;
    this.#running = Promise.all(setup.callers.map((caller, at) => this.#run(caller, at)));
    this.#running.catch(() => {
      // Told by stop().
    });
  }

  static start(setup: LoadSetup): RegisterLoad {
    return new RegisterLoad(setup);
  }

  async #run(caller: Caller, at: number): Promise<void> {
    const { keys, seed, readsPercent = 50, deletesPercent = 5 } = this.#setup;
    const random = new Prng(BigInt(seed) * 1000n + BigInt(at));
    let count = 0;
    while (!this.#stopping && this.#failure === undefined) {
      const key = keys[randomInt(random, keys.length)]!;
      const dice = randomInt(random, 100);
      if (dice < readsPercent) await this.#read(caller, key);
      else if (dice < readsPercent + deletesPercent) await this.#write(caller, key, undefined);
      else await this.#write(caller, key, `${caller.name}-${++count}`);
    }
  }

  async #read({ name, client }: Caller, key: string): Promise<void> {
    const startMs = performance.now();
    try {
      const value = await client.get(key);
      const endMs = performance.now();
      this.operations.push({ key, caller: name, input: { type: 'read' }, output: { value }, startMs, endMs });
    } catch (error) {
      this.#refused(error);
    }
  }

  async #write({ name, client }: Caller, key: string, value: string | undefined): Promise<void> {
    const startMs = performance.now();
    const input = { type: 'write', value } as const;
    try {
      await (value === undefined ? client.delete(key) : client.set(key, value));
      const endMs = performance.now();
      this.operations.push({ key, caller: name, input, output: { value: undefined }, startMs, endMs });
      this.writeAnsweredMs.push(endMs);
      this.#tellWaiting();
    } catch (error) {
      if (error instanceof KvorumError && error.code === 'OUTCOME_UNKNOWN') {
        this.unknown.push(error);
        this.operations.push({ key, caller: name, input, output: undefined, startMs, endMs: Infinity });
      } else {
        this.#refused(error);
      }
    }
  }

  #refused(error: unknown): void {
    // A test that fails closes its clients: nobody asks for more then.
    if (error instanceof KvorumError && error.code === 'CLIENT_CLOSED') this.#stopping = true;
    else if (error instanceof KvorumError && error.code !== 'INTERNAL') this.refused.push(error);
    else this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }

  #tellWaiting(): void {
    const count = this.writeAnsweredMs.length;
    while (this.#waiting.length > 0 && this.#waiting[0]!.count <= count) this.#waiting.shift()!.resolve();
  }

  /** Resolves after so many more writes were acknowledged. */
  moreWrites(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ count: this.writeAnsweredMs.length + count, resolve });
      this.#waiting.sort((left, right) => left.count - right.count);
    });
  }

  /** The longest time in which no write was acknowledged. */
  get longestGapMs(): number {
    let longest = 0;
    for (let at = 1; at < this.writeAnsweredMs.length; at++) {
      longest = Math.max(longest, this.writeAnsweredMs[at]! - this.writeAnsweredMs[at - 1]!);
    }
    return longest;
  }

  /** Resolves when each caller's last call has ended. Rejects with what should never have happened. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The figures, for the test's output. */
  get summary(): string {
    const writes = this.writeAnsweredMs.length;
    const reads = this.operations.filter(({ input }) => input.type === 'read').length;
    const gap = this.longestGapMs.toFixed(0);
    return `${writes} writes, ${reads} reads, ${this.unknown.length} unknown, ${this.refused.length} refused, longest write gap ${gap} ms`;
  }
}
