import { Prng, type RandomSource } from '../../../src/base/prng.js';
import { KvorumError, type KvorumClient } from '../../../src/client/index.js';

export interface Caller {
  readonly name: string;
  readonly client: KvorumClient;
}

/** Callers that each make one call after the other until they are stopped. */
export abstract class Load {
  /** When each acknowledged write was answered. */
  readonly writeAnsweredMs: number[] = [];
  /** Of writes that may or may not have taken effect. */
  readonly unknown: KvorumError[] = [];
  /** Of calls that certainly did nothing. */
  readonly refused: KvorumError[] = [];
  #running: Promise<unknown> = Promise.resolve();
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  #failure: Error | undefined;
  #stopping = false;

  /** What a caller does next. KvorumErrors are expected. */
  protected abstract act(caller: Caller, random: RandomSource): Promise<void>;

  protected begin(callers: readonly Caller[], seed: number): void {
    const loops = callers.map((caller, at) => this.#run(caller, new Prng(BigInt(seed) * 1000n + BigInt(at))));
    this.#running = Promise.all(loops);
    this.#running.catch(() => {
      // Told by stop().
    });
  }

  get #ends(): boolean {
    return this.#stopping || this.#failure !== undefined;
  }

  async #run(caller: Caller, random: RandomSource): Promise<void> {
    while (!this.#ends) {
      try {
        await this.act(caller, random);
      } catch (error) {
        this.#note(error);
      }
    }
  }

  #note(error: unknown): void {
    if (!(error instanceof KvorumError) || error.code === 'INTERNAL') {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      return;
    }
    // A test that fails closes its clients: nobody asks for more then.
    if (error.code === 'CLIENT_CLOSED') this.#stopping = true;
    else if (error.code === 'OUTCOME_UNKNOWN') this.unknown.push(error);
    else this.refused.push(error);
  }

  protected writeAnswered(atMs: number): void {
    const count = this.writeAnsweredMs.push(atMs);
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

  /** The figures that all loads have, for the test's output. */
  protected get outcomes(): string {
    const gap = this.longestGapMs.toFixed(0);
    return `${this.unknown.length} unknown, ${this.refused.length} refused, longest write gap ${gap} ms`;
  }
}
