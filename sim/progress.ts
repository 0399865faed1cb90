const barWidth = 30;
/** Between two changes of the bar. */
const intervalMs = 200;

/** How far many runs have come: a bar on a terminal, nothing elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #began = performance.now();
  readonly #shown = process.stdout.isTTY;
  #lastMs = 0;

  /** @param total Infinity: not known */
  constructor(total: number) {
    this.#total = total;
  }

  show(done: number, failed: number): void {
    const now = performance.now();
    if (!this.#shown || (now - this.#lastMs < intervalMs && done < this.#total)) return;
    this.#lastMs = now;
    const perSecond = (done / (now - this.#began)) * 1000;
    const part = this.#total === Infinity ? 0 : done / this.#total;
    const bar = '#'.repeat(Math.round(part * barWidth)).padEnd(barWidth, '.');
    const of = this.#total === Infinity ? '' : ` of ${this.#total}`;
    process.stdout.write(`\r[${bar}] ${done}${of} runs, ${failed} failed, ${perSecond.toFixed(1)} a second `);
  }

  clear(): void {
    if (this.#shown) process.stdout.write('\r\x1b[K');
  }

  end(): void {
    this.clear();
  }
}
