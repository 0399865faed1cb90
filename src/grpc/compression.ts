import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { StatusError } from '../base/status.js';
import { requestTooLarge } from './limits.js';

const gunzipAsync = promisify(gunzip);
const gzipAsync = promisify(gzip);

/**
 * gzip for messages. It runs in libuv's thread pool, which the disk needs too: so only few at a time, and the
 * others wait in the order in which they came.
 */
export class Compression {
  readonly #atOnceMax: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** Messages that are packed or unpacked now. */
  get running(): number {
    return this.#running;
  }

  pack(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#inTurn(() => gzipAsync(bytes, { level: constants.Z_BEST_SPEED }));
  }

  /**
   * Stops at the limit: what would come after it is never unpacked.
   *
   * @throws KvorumError REQUEST_TOO_LARGE, StatusError INTERNAL for bytes that are no gzip
   */
  unpack(bytes: Uint8Array, requestSizeBytesMax: number): Promise<Uint8Array> {
    return this.#inTurn(async () => {
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

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnceMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
