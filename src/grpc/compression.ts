import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { FairQueue } from '../base/fair-queue.js';
import { StatusError } from '../base/status.js';
import { requestTooLarge } from './limits.js';

const gunzipAsync = promisify(gunzip);
const gzipAsync = promisify(gzip);

/** Whose message it is: who sends many waits for himself. */
type Owner = object;

interface Waiting {
  /** Nobody waits for it any more. */
  over: boolean;
  readonly begin: () => void;
}

/**
 * gzip for messages. It runs in libuv's thread pool, which the disk needs too: so only few at a time. A message of 4 MiB
 * may take more than a second, so owners take turns, a message each; what is of no use any more leaves at once.
 */
export class Compression {
  readonly #atOnceMax: number;
  #running = 0;
  readonly #waiting = new FairQueue<Waiting>();

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** Messages that are packed or unpacked now. */
  get running(): number {
    return this.#running;
  }

  /** @param signal rejects with its reason while the message waits */
  pack(bytes: Uint8Array, owner: Owner, signal: AbortSignal): Promise<Uint8Array> {
    return this.#inTurn(owner, signal, () => gzipAsync(bytes, { level: constants.Z_BEST_SPEED }));
  }

  /**
   * Stops at the limit: what would come after it is never unpacked.
   *
   * @param signal rejects with its reason while the message waits
   * @throws KvorumError REQUEST_TOO_LARGE, StatusError INTERNAL for bytes that are no gzip
   */
  unpack(
    bytes: Uint8Array,
    requestSizeBytesMax: number,
    owner: Owner,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#inTurn(owner, signal, async () => {
      try {
        return await gunzipAsync(bytes, { maxOutputLength: requestSizeBytesMax });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
          throw requestTooLarge('the request is longer when unpacked', requestSizeBytesMax);
        }
        throw new StatusError('INTERNAL', 'the request is not compressed as it says');
      }
    });
  }

  async #inTurn<Result>(owner: Owner, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnceMax) await this.#turn(owner, signal);
    else this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#beginNext();
    }
  }

  /** Resolves when the turn has come, and counts as running. */
  #turn(owner: Owner, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.over = true;
        reject(signal.reason as Error);
      };
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        this.#running++;
        resolve();
      };
      const waiting: Waiting = { over: false, begin };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(owner, waiting);
    });
  }

  #beginNext(): void {
    this.#waiting.shift(({ over }) => over)?.begin();
  }
}
