const barWidth = 30;
/** Between two changes of the bar. */
const intervalMs = 200;

/** Between two lines where there is no terminal. */
const lineIntervalMs = 60_000;

/** How far many runs have come: a bar on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #began = performance.now();
  readonly #terminal = process.stdout.isTTY;
  #lastMs = performance.now();

  /** @param total Infinity: not known */
  constructor(total: number) {
    this.#total = total;
  }

  show(done: number, failed: number): void {
    const now = performance.now();
    if (now - this.#lastMs < (this.#terminal ? intervalMs : lineIntervalMs)) return;
    this.#lastMs = now;
    const perSecond = (done / (now - this.#began)) * 1000;
    const of = this.#total === Infinity ? '' : ` of ${this.#total}`;
    const text = `${done}${of} runs, ${failed} failed, ${perSecond.toFixed(1)} a second`;
    if (!this.#terminal) {
      console.log(text);
      return;
    }
    const part = this.#total === Infinity ? 0 : done / this.#total;
    const bar = '#'.repeat(Math.round(part * barWidth)).padEnd(barWidth, '.');
    process.stdout.write(`\r[${bar}] ${text} `);
  }

  clear(): void {
    if (this.#terminal) process.stdout.write('\r\x1b[K');
  }

  end(): void {
    this.clear();
  }
}
