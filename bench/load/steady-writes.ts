import { performance } from 'node:perf_hooks';
import { KvorumError, type KvorumClient } from '../../src/client/index.js';
import { quantile } from './latencies.js';

const keyCount = 10_000;
const value = 'w'.repeat(100);
const tickMs = 10;

/** Small puts that begin at an even rate, whether or not those before them are answered. */
export class SteadyWrites {
  readonly #client: KvorumClient;
  readonly #perSecond: number;
  readonly #timer: NodeJS.Timeout;
  readonly #beganMs = performance.now();
  readonly #underWay = new Set<Promise<void>>();
  #begun = 0;
  #latenciesMs: number[] = [];
  readonly #failures = new Map<string, number>();

  constructor(client: KvorumClient, perSecond: number) {
    this.#client = client;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#beganMs) / 1000) * this.#perSecond);
    while (this.#begun < due) {
      const put = this.#put(`written/${this.#begun++ % keyCount}`);
      this.#underWay.add(put);
      void put.finally(() => this.#underWay.delete(put));
    }
  }

  async #put(key: string): Promise<void> {
    const beganMs = performance.now();
    try {
      await this.#client.set(key, value);
      this.#latenciesMs.push(performance.now() - beganMs);
    } catch (error) {
      const code = error instanceof KvorumError ? error.code : String(error);
      this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    }
  }

  /** Of what was answered since the last row. */
  row(): string {
    const sorted = new Float64Array(this.#latenciesMs).sort();
    this.#latenciesMs = [];
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(sorted, share).toFixed(0));
    const failures = [...this.#failures].map(([code, count]) => `, ${count} ${code}`).join('');
    return `${sorted.length} puts, p50 ${p50} ms, p99 ${p99} ms, longest ${sorted.at(-1)?.toFixed(0) ?? '-'} ms${failures}`;
  }

  /** Resolves when the last one is answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }
}
