import { writeWindowUpdate } from './control-frames.js';
import type { Http2Limits } from './limits.js';
import type { Output } from './output.js';
import { ConnectionError, errorCode, windowSizeBytesDefault } from './protocol.js';
import type { Stream } from './stream.js';

/**
 * The receiving side of a connection's flow control (RFC 9113, section 5.2).
 *
 * The window of the connection is opened again as soon as bytes arrive, so that a call that does not take its
 * messages never holds up the others: what a client may send ahead is bounded by its streams' windows. Those
 * are opened as the application takes what came. While a connection holds more than it should of unfinished
 * messages, only the oldest stream that waits gets a new window: one message after the other can be finished,
 * and the rest is bounded by the windows that were given before.
 *
 * A message whose length is known and for which there is room has its whole window at once: a large one
 * would wait for a dozen round trips otherwise.
 */
export class ReceiveWindows {
  readonly #limits: Http2Limits;
  readonly #output: Output;
  #window = windowSizeBytesDefault;
  #creditBytes: number;
  /** Streams that must wait for a new window; the first is the favoured one, and has it. */
  readonly #waiting = new Set<Stream>();
  /** What streams may send beyond `streamWindowBytes`, added up. */
  #advancedBytes = 0;

  constructor(limits: Http2Limits, output: Output) {
    this.#limits = limits;
    this.#output = output;
    this.#creditBytes = Math.max(0, limits.connectionWindowBytes - windowSizeBytesDefault);
  }

  /** Opens the connection's window beyond the size that HTTP/2 begins with. */
  open(): void {
    if (this.#creditBytes > 0) this.#give();
  }

  #give(): void {
    writeWindowUpdate(this.#output, 0, this.#creditBytes);
    this.#window += this.#creditBytes;
    this.#creditBytes = 0;
  }

  /**
   * Flow-controlled bytes arrived for the connection.
   *
   * @throws ConnectionError FLOW_CONTROL_ERROR
   * @returns whether the peer was told of a new window
   */
  arrived(sizeBytes: number): boolean {
    this.#window -= sizeBytes;
    if (this.#window < 0) {
      throw new ConnectionError(
        errorCode.flowControlError,
        'more was sent than the window of the connection',
      );
    }
    this.#creditBytes += sizeBytes;
    if (this.#creditBytes < this.#limits.connectionWindowBytes / 2) return false;
    this.#give();
    return true;
  }

  /** @returns whether the peer was told of a new window; as for `served` */
  credit(stream: Stream, sizeBytes: number, heldBytes: number): boolean {
    stream.creditBytes += sizeBytes - this.#repay(stream, sizeBytes);
    if (stream.receiveClosed || stream.gone) return false;
    if (stream.creditBytes < this.#limits.streamWindowBytes / 2) return false;
    const favoured = this.#waiting.size === 0 || this.#waiting.values().next().value === stream;
    if (heldBytes > this.#limits.receivedBytesPerConnectionMax) {
      this.#waiting.add(stream);
      if (!favoured) return false;
    }
    this.#giveStream(stream);
    return true;
  }

  /**
   * So much of a message is still to come. Its window is opened for all of it, unless the messages of the connection
   * would then fill half of what they may.
   *
   * @returns whether the peer was told of a new window
   */
  expect(stream: Stream, sizeBytes: number, heldBytes: number): boolean {
    const missingBytes = sizeBytes - stream.receiveWindow;
    if (missingBytes <= 0 || stream.receiveClosed || stream.gone) return false;
    const advanceBytes = Math.max(0, missingBytes - stream.creditBytes);
    const promisedBytes = heldBytes + this.#advancedBytes + advanceBytes;
    if (promisedBytes > this.#limits.receivedBytesPerConnectionMax / 2) return false;
    stream.creditBytes += advanceBytes;
    stream.advancedBytes += advanceBytes;
    this.#advancedBytes += advanceBytes;
    this.#giveStream(stream);
    return true;
  }

  /** @returns how much of `sizeBytes` the peer was allowed before */
  #repay(stream: Stream, sizeBytes: number): number {
    const repaidBytes = Math.min(sizeBytes, stream.advancedBytes);
    stream.advancedBytes -= repaidBytes;
    this.#advancedBytes -= repaidBytes;
    return repaidBytes;
  }

  #giveStream(stream: Stream): void {
    writeWindowUpdate(this.#output, stream.id, stream.creditBytes);
    stream.receiveWindow += stream.creditBytes;
    stream.creditBytes = 0;
  }

  /** A stream received its last byte or is gone: others may have its turn. */
  serveWaiting(ended: Stream, heldBytes: number): boolean {
    if (ended.advancedBytes > 0) this.#repay(ended, ended.advancedBytes);
    if (this.#waiting.size === 0) return false;
    this.#waiting.delete(ended);
    let given = false;
    for (const stream of this.#waiting) {
      if (stream.creditBytes > 0) {
        this.#giveStream(stream);
        given = true;
      }
      if (heldBytes > this.#limits.receivedBytesPerConnectionMax) break;
      this.#waiting.delete(stream);
    }
    return given;
  }
}
