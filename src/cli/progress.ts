import type { Output } from './command.js';

const barWidth = 30;
const redrawIntervalMs = 100;

/** A line on a terminal that is drawn over and over; nothing where there is no terminal. */
export class Progress {
  readonly #output: Output;
  readonly #title: string;
  readonly #startedMs = performance.now();
  #drawnMs = -Infinity;

  constructor(output: Output, title: string) {
    this.#output = output;
    this.#title = title;
  }

  /**
   * @param count pairs done so far
   * @param fraction from 0 to 1; undefined: nobody knows how much there is
   */
  update(count: number, fraction: number | undefined): void {
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < redrawIntervalMs) return;
    this.#drawnMs = nowMs;
    const seconds = Math.max(0.001, (nowMs - this.#startedMs) / 1000);
    this.#write(`${this.#title}${bar(fraction)} ${count} pairs, ${Math.round(count / seconds)} a second`);
  }

  /** Gives the line back to what is said next. */
  clear(): void {
    this.#write('');
  }

  #write(text: string): void {
    if (this.#output.isTTY) void this.#output.write(`\r\x1b[K${text}`);
  }
}

function bar(fraction: number | undefined): string {
  if (fraction === undefined) return '';
  const filled = Math.round(fraction * barWidth);
  return ` [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${Math.floor(fraction * 100)}%`;
}
