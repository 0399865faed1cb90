import { KvorumError, type KvorumClient } from '../../../src/client/index.js';

/** Large values, one after the other, under a key that no history is checked of. */
export class Growth {
  readonly #client: KvorumClient;
  readonly #value: string;
  #running: Promise<void> = Promise.resolve();
  #stopping = false;
  #written = 0;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(client: KvorumClient, valueSizeBytes: number) {
    this.#client = client;
    this.#value = '.'.repeat(valueSizeBytes);
  }

  start(): void {
    this.#running = this.#run();
    this.#running.catch(() => {
      // Told by stop().
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#client.set('growth', this.#value);
        this.#written++;
        while (this.#waiting.length > 0 && this.#waiting[0]!.count <= this.#written) {
          this.#waiting.shift()!.resolve();
        }
      } catch (error) {
        if (!(error instanceof KvorumError) || error.code === 'CLIENT_CLOSED') throw error;
      }
    }
  }

  /** Resolves after so many more of them were acknowledged. One caller at a time. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.#written + count, resolve }));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }
}
