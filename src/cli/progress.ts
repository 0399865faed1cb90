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
   * @param count things done so far
   * @param fraction from 0 to 1; undefined: nobody knows how much there is
   */
  update(count: number, fraction: number | undefined): void {
    if (!this.#output.isTTY || performance.now() - this.#drawnMs < redrawIntervalMs) return;
    this.#draw(count, fraction);
  }

  #draw(count: number, fraction: number | undefined): void {
    this.#drawnMs = performance.now();
    const seconds = Math.max(0.001, (this.#drawnMs - this.#startedMs) / 1000);
    const filled = Math.round((fraction ?? 0) * barWidth);
    const bar =
      fraction === undefined
        ? ''
        : ` [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${Math.floor(fraction * 100)}%`;
    const rate = Math.round(count / seconds);
    void this.#output.write(`\r\x1b[K${this.#title}${bar} ${count} pairs, ${rate} a second`);
  }

  /** Draws the last state, and leaves the line. */
  end(count: number): void {
    if (!this.#output.isTTY) return;
    this.#draw(count, undefined);
    void this.#output.write('\n');
  }
}
