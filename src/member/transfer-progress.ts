import type { Log } from '../base/log.js';
import type { Clock } from '../ports/clock.js';

/** How far a transfer is. */
export interface Progress {
  readonly doneBytes: number;
  /** About: it is known when all is done. */
  readonly sizeBytesEstimated: number;
}

/** Between two lines of one transfer. */
const tellIntervalMs = 10_000;

/** Of one snapshot on its way: kept for who asks, and told now and then, so that a slow one is not taken for none. */
export class TransferProgress implements Progress {
  readonly #sizeBytesEstimated: number;
  readonly #clock: Clock;
  readonly #tell: (progress: Progress) => void;
  #doneBytes = 0;
  #toldMs: number;

  constructor(
    sizeBytesEstimated: number,
    told: { readonly clock: Clock; readonly log: Log; readonly fields: object; readonly message: string },
  ) {
    const { clock, log, fields, message } = told;
    this.#sizeBytesEstimated = sizeBytesEstimated;
    this.#clock = clock;
    this.#toldMs = clock.monotonicMs();
    this.#tell = (progress) => log.info({ ...fields, ...progress }, message);
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  get sizeBytesEstimated(): number {
    return Math.max(this.#sizeBytesEstimated, this.#doneBytes);
  }

  moved(doneBytes: number): void {
    this.#doneBytes = doneBytes;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldMs < tellIntervalMs) return;
    this.#toldMs = nowMs;
    this.#tell({ doneBytes, sizeBytesEstimated: this.sizeBytesEstimated });
  }
}
