import type { Log } from '../base/log.js';
import type { Clock } from '../ports/clock.js';

/** How far a transfer is. */
export interface Progress {
  readonly doneBytes: number;
  readonly sizeBytes: number;
}

/** Between two lines of one transfer. */
const tellIntervalMs = 10_000;

/** Of one snapshot on its way: kept for who asks, and told now and then, so that a slow one is not taken for none. */
export class TransferProgress implements Progress {
  readonly sizeBytes: number;
  readonly #clock: Clock;
  readonly #tell: (progress: Progress) => void;
  #doneBytes: number;
  #toldMs: number;

  constructor(
    progress: Progress,
    told: { readonly clock: Clock; readonly log: Log; readonly fields: object; readonly message: string },
  ) {
    const { clock, log, fields, message } = told;
    this.sizeBytes = progress.sizeBytes;
    this.#doneBytes = progress.doneBytes;
    this.#clock = clock;
    this.#toldMs = clock.monotonicMs();
    this.#tell = ({ doneBytes, sizeBytes }) => log.info({ ...fields, doneBytes, sizeBytes }, message);
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  moved(doneBytes: number): void {
    this.#doneBytes = doneBytes;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldMs < tellIntervalMs) return;
    this.#toldMs = nowMs;
    this.#tell(this);
  }
}
