/** Of the calls of one phase. */
export interface CallFigures {
  /** That were answered as they had to be. */
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** How often a call failed, by code and message. */
  readonly failures: Readonly<Record<string, number>>;
  /** When the first of them failed, by the wall clock. */
  readonly failedAtMs: readonly number[];
}

const failuresTimedMax = 100;

export type Phase = 'before' | 'during' | 'after';

export interface HonestReport {
  readonly calls: Readonly<Record<Phase, CallFigures>>;
  /** Of those who come anew while the attack goes on. */
  readonly newcomers: CallFigures;
}

/** Gathers what calls took. */
export class CallRecord {
  readonly #latenciesMs: number[] = [];
  readonly #failures: Record<string, number> = {};
  readonly #failedAtMs: number[] = [];

  answered(latencyMs: number): void {
    this.#latenciesMs.push(latencyMs);
  }

  failed(error: unknown): void {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const told = `${String(code)}: ${String(message).slice(0, 120)}`;
    this.#failures[told] = (this.#failures[told] ?? 0) + 1;
    if (this.#failedAtMs.length < failuresTimedMax) this.#failedAtMs.push(Date.now());
  }

  get figures(): CallFigures {
    const sorted = this.#latenciesMs.toSorted((left, right) => left - right);
    const quantile = (share: number): number =>
      sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
    return {
      calls: sorted.length,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      longestMs: quantile(1),
      failures: this.#failures,
      failedAtMs: this.#failedAtMs,
    };
  }
}
