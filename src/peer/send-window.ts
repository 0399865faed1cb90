import { MalformedBytesError } from '../base/byte-stream.js';
import { Fifo } from '../base/fifo.js';

/** Two parts: one is on its way while the other end says that it has the one before. */
export const windowSizeBytesMin = 128 * 1024;
const windowSizeBytesFirst = 256 * 1024;
/** Of writes whose arrival was not told; what comes behind them is measured again when some have been. */
const marksMax = 4096;
export const windowSizeBytesMax = 4 * 1024 * 1024;

/** What waits in the buffers on the way may take so much longer than the way itself; heartbeats wait behind it. */
const queueDelayMsMax = 100;
/** The shortest delay of so long counts as that of the way; ways change. */
const waySpanMs = 10_000;
/** No way is longer, once around: what seems to be waits for something, also when it has never been seen otherwise. */
const wayMsMax = 600;

/**
 * How many bytes may be on their way to another member: as many as arrive soon. The kernels, and whatever is between them,
 * would take megabytes, which on a slow link are seconds, and nothing can overtake them there. The window doubles in a
 * round trip as long as it holds the sender up and bytes arrive soon, and is halved when they do not (as TCP Vegas measures
 * it, Brakmo and Peterson 1995).
 */
export class SendWindow {
  #sizeBytes = windowSizeBytesFirst;
  #writtenBytes = 0;
  #takenBytes = 0;
  /** Where what was written at one time ends. */
  readonly #marks = new Fifo<{ readonly endBytes: number; readonly atMs: number }>();
  /** The shortest delay of this span of time, and of the one before. */
  #shortest = { ms: Infinity, beforeMs: Infinity, sinceMs: -Infinity };

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether more may be written; a frame that is larger than what is left is too. */
  get open(): boolean {
    return this.#writtenBytes - this.#takenBytes < this.#sizeBytes;
  }

  wrote(sizeBytes: number, nowMs: number): void {
    this.#writtenBytes += sizeBytes;
    if (this.#marks.length < marksMax) this.#marks.push({ endBytes: this.#writtenBytes, atMs: nowMs });
  }

  /**
   * @param totalBytes that have arrived, ever
   * @throws MalformedBytesError: more than was written, or less than before
   */
  taken(totalBytes: number, nowMs: number): void {
    const newBytes = totalBytes - this.#takenBytes;
    if (newBytes < 0 || totalBytes > this.#writtenBytes) {
      throw new MalformedBytesError(`${totalBytes} bytes taken, ${this.#writtenBytes} were written`);
    }
    const inFlightBytes = this.#writtenBytes - this.#takenBytes;
    this.#takenBytes = totalBytes;
    const delayMs = this.#delayMs(nowMs);
    if (delayMs === undefined) return;
    if (delayMs > this.#wayMs(delayMs, nowMs) + queueDelayMsMax) {
      this.#sizeBytes = Math.max(windowSizeBytesMin, this.#sizeBytes - newBytes / 2);
    } else if (2 * inFlightBytes >= this.#sizeBytes) {
      this.#sizeBytes = Math.min(windowSizeBytesMax, this.#sizeBytes + newBytes);
    }
  }

  /** Of the newest bytes that have arrived, since they were written; undefined: none of those that are marked have. */
  #delayMs(nowMs: number): number | undefined {
    let atMs: number | undefined;
    for (let mark = this.#marks.peek(); mark !== undefined; mark = this.#marks.peek()) {
      if (mark.endBytes > this.#takenBytes) break;
      atMs = mark.atMs;
      this.#marks.shift();
    }
    return atMs === undefined ? undefined : nowMs - atMs;
  }

  /** The delay of the way when nothing waits on it. */
  #wayMs(delayMs: number, nowMs: number): number {
    const shortest = this.#shortest;
    if (nowMs - shortest.sinceMs >= waySpanMs) {
      this.#shortest = { ms: delayMs, beforeMs: shortest.ms, sinceMs: nowMs };
    } else if (delayMs < shortest.ms) shortest.ms = delayMs;
    return Math.min(this.#shortest.ms, this.#shortest.beforeMs, wayMsMax);
  }
}
