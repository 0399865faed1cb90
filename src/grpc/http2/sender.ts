import { emptyBytes } from '../../base/bytes.js';
import type { Output } from './output.js';
import {
  ConnectionError,
  errorCode,
  flag,
  frameHeaderSizeBytes,
  frameSizeBytesDefault,
  frameType,
  windowSizeBytesDefault,
  windowSizeBytesMax,
} from './protocol.js';
import type { ResponseBlocks } from './response-blocks.js';
import type { SendItem, Stream } from './stream.js';

/** In front of each message: whether it is compressed, and its length in four bytes. */
const prefixSizeBytes = 5;

const frameSizeBytesCeiling = 64 * 1024;

/** A reply up to this size is written in one piece if the windows allow it. */
const replySizeBytesMax = 16 * 1024;

/**
 * The sending side of a connection's flow control (RFC 9113, section 5.2). What may leave at once is written
 * straight to the output; the rest waits in its stream's queue, and streams take turns, a frame each.
 */
export class Sender {
  readonly #output: Output;
  readonly #blocks: ResponseBlocks;
  readonly #ended: (stream: Stream) => void;
  /** Bytes that the peer takes on the whole connection. */
  #window = windowSizeBytesDefault;
  /** Of a new stream. */
  initialWindow = windowSizeBytesDefault;
  /** Of one DATA or HEADERS frame. */
  #frameSizeBytesMax = frameSizeBytesDefault;
  /** Streams with something that may leave, in the order of their turns. */
  #ready: Stream[] = [];
  /** Streams for which the connection's window is too small. */
  #waiting: Stream[] = [];
  /** Streams forgotten since the lists were last cleared of those that are gone. */
  #forgotten = 0;
  /** DATA and HEADERS frames ever sent. */
  framesSent = 0;
  /** Content ever sent. */
  sentBytes = 0;

  constructor(output: Output, blocks: ResponseBlocks, ended: (stream: Stream) => void) {
    this.#output = output;
    this.#blocks = blocks;
    this.#ended = ended;
  }

  reply(stream: Stream, headers: readonly string[], payload: Uint8Array, trailers: readonly string[]): void {
    const sizeBytes = prefixSizeBytes + payload.length;
    if (
      stream.queue === undefined &&
      sizeBytes <= stream.sendWindow &&
      sizeBytes <= this.#window &&
      sizeBytes <= replySizeBytesMax &&
      !this.#output.full
    ) {
      this.#writeHeaders(stream.id, headers, 0);
      this.#writeData(stream, payload, false, 0, sizeBytes, false);
      this.#writeHeaders(stream.id, trailers, flag.endStream);
      this.#ended(stream);
      return;
    }
    this.headers(stream, headers, false);
    this.message(stream, payload, false);
    this.headers(stream, trailers, true);
  }

  headers(stream: Stream, headers: readonly string[], end: boolean): void {
    if (stream.queue !== undefined || this.#output.full) {
      this.#enqueue(stream, { headers, end, payload: emptyBytes, compressed: false, sentBytes: 0 });
      return;
    }
    this.#writeHeaders(stream.id, headers, end ? flag.endStream : 0);
    if (end) this.#ended(stream);
  }

  message(stream: Stream, payload: Uint8Array, compressed: boolean): void {
    const sizeBytes = prefixSizeBytes + payload.length;
    if (
      stream.queue !== undefined ||
      sizeBytes > stream.sendWindow ||
      sizeBytes > this.#window ||
      sizeBytes > this.#frameSizeBytesMax ||
      this.#output.full
    ) {
      this.#enqueue(stream, { headers: undefined, end: false, payload, compressed, sentBytes: 0 });
      return;
    }
    this.#writeData(stream, payload, compressed, 0, sizeBytes, false);
  }

  /** Not empty unless it is the end. */
  content(stream: Stream, payload: Uint8Array, end: boolean): void {
    this.#enqueue(stream, {
      headers: undefined,
      end,
      payload,
      compressed: false,
      sentBytes: prefixSizeBytes,
    });
  }

  #enqueue(stream: Stream, item: SendItem): void {
    stream.enqueue(item);
    this.#schedule(stream);
  }

  #schedule(stream: Stream): void {
    if (stream.queuedForSending) return;
    stream.queuedForSending = true;
    this.#ready.push(stream);
  }

  /**
   * Takes the peer's SETTINGS_INITIAL_WINDOW_SIZE, which moves the windows of open streams too (section 6.9.2).
   *
   * @param largestBytes of the values that the windows had on the way to this one; it may not overflow them either
   * @throws ConnectionError FLOW_CONTROL_ERROR
   */
  setInitialWindow(sizeBytes: number, largestBytes: number, streams: Iterable<Stream>): void {
    const beforeBytes = this.initialWindow;
    this.initialWindow = sizeBytes;
    for (const stream of streams) {
      const overflows = stream.sendWindow + largestBytes - beforeBytes > windowSizeBytesMax;
      if (!overflows && this.moveStreamWindow(stream, sizeBytes - beforeBytes)) continue;
      throw new ConnectionError(errorCode.flowControlError, `the window of stream ${stream.id} overflows`);
    }
  }

  /** Takes the peer's SETTINGS_MAX_FRAME_SIZE. Streams share the connection frame by frame, so ours stay small. */
  setFrameSizeMax(sizeBytes: number): void {
    this.#frameSizeBytesMax = Math.min(sizeBytes, frameSizeBytesCeiling);
  }

  /** The peer takes `deltaBytes` more on this stream, or less. @returns false if the window would overflow */
  moveStreamWindow(stream: Stream, deltaBytes: number): boolean {
    if (stream.sendWindow + deltaBytes > windowSizeBytesMax) return false;
    stream.sendWindow += deltaBytes;
    if (stream.queue !== undefined && stream.sendWindow > 0) this.#schedule(stream);
    return true;
  }

  /**
   * @returns streams that waited for it
   * @throws ConnectionError FLOW_CONTROL_ERROR
   */
  openWindow(incrementBytes: number): number {
    if (this.#window + incrementBytes > windowSizeBytesMax) {
      throw new ConnectionError(errorCode.flowControlError, 'the window of the connection overflows');
    }
    this.#window += incrementBytes;
    const waiting = this.#waiting;
    for (const stream of waiting) this.#ready.push(stream);
    this.#waiting = [];
    return waiting.length;
  }

  /** The stream is gone: nothing of it is sent any more. */
  forget(stream: Stream): void {
    stream.clearQueue();
    if (!stream.queuedForSending) return;
    stream.queuedForSending = false;
    this.#forgotten++;
  }

  /** Writes what may leave now. @returns whether something was written */
  pump(): boolean {
    const before = this.framesSent;
    // Now and then, not for each: a connection may lose all its streams at once.
    if (this.#forgotten > (this.#ready.length + this.#waiting.length) / 2) this.#clearForgotten();
    const ready = this.#ready;
    let at = 0;
    while (at < ready.length && !this.#output.full) {
      const stream = ready[at]!;
      at++;
      stream.queuedForSending = false;
      const item = stream.queue?.[0];
      if (item === undefined) continue;
      if (this.#window <= 0 && leftBytesOf(item) > 0) {
        stream.queuedForSending = true;
        this.#waiting.push(stream);
        continue;
      }
      if (this.#sendNext(stream, item)) this.#schedule(stream);
      // The turns that have been taken are cut off now and then, not each time.
      if (at >= 1024) {
        ready.splice(0, at);
        at = 0;
      }
    }
    ready.splice(0, at);
    return this.framesSent > before;
  }

  #clearForgotten(): void {
    this.#ready = this.#ready.filter(({ gone }) => !gone);
    this.#waiting = this.#waiting.filter(({ gone }) => !gone);
    this.#forgotten = 0;
  }

  /** Sends one frame. @returns whether the stream can send another one */
  #sendNext(stream: Stream, item: SendItem): boolean {
    if (item.headers !== undefined) {
      this.#writeHeaders(stream.id, item.headers, item.end ? flag.endStream : 0);
      this.#sent(stream);
      if (item.end) this.#ended(stream);
      return stream.queue !== undefined;
    }
    const leftBytes = leftBytesOf(item);
    const sizeBytes = Math.min(leftBytes, stream.sendWindow, this.#window, this.#frameSizeBytesMax);
    if (sizeBytes <= 0 && leftBytes > 0) return false;
    const whole = sizeBytes === leftBytes;
    const end = whole && item.end;
    if (leftBytes > 0) this.#writeData(stream, item.payload, item.compressed, item.sentBytes, sizeBytes, end);
    else this.#writeEmptyEnd(stream);
    item.sentBytes += sizeBytes;
    stream.sendProgressMs = stream.owner.nowMs();
    if (whole) this.#sent(stream);
    if (end) this.#ended(stream);
    return stream.queue !== undefined;
  }

  /** DATA without content, which no window holds back. */
  #writeEmptyEnd(stream: Stream): void {
    this.framesSent++;
    this.#output.reserve(frameHeaderSizeBytes);
    this.#output.frameHeader(0, frameType.data, flag.endStream, stream.id);
  }

  #sent(stream: Stream): void {
    stream.sendProgressMs = stream.owner.nowMs();
    stream.dequeue();
  }

  /** `sizeBytes` of prefix and payload, from `offset` on. */
  #writeData(
    stream: Stream,
    payload: Uint8Array,
    compressed: boolean,
    offset: number,
    sizeBytes: number,
    end: boolean,
  ): void {
    const output = this.#output;
    this.#window -= sizeBytes;
    stream.sendWindow -= sizeBytes;
    this.sentBytes += sizeBytes;
    this.framesSent++;
    output.reserve(frameHeaderSizeBytes + prefixSizeBytes);
    output.frameHeader(sizeBytes, frameType.data, end ? flag.endStream : 0, stream.id);
    if (offset === 0 && sizeBytes >= prefixSizeBytes) {
      const { buffer, at } = output;
      const length = payload.length;
      buffer[at] = compressed ? 1 : 0;
      buffer[at + 1] = length >>> 24;
      buffer[at + 2] = length >>> 16;
      buffer[at + 3] = length >>> 8;
      buffer[at + 4] = length;
      output.at = at + prefixSizeBytes;
      output.append(sizeBytes === prefixSizeBytes + length ? payload : payload.subarray(0, sizeBytes - 5));
      return;
    }
    const prefixPart = Math.max(0, Math.min(prefixSizeBytes - offset, sizeBytes));
    if (prefixPart > 0) output.append(prefixOf(payload, compressed).subarray(offset, offset + prefixPart));
    const from = offset + prefixPart - prefixSizeBytes;
    if (sizeBytes > prefixPart) output.append(payload.subarray(from, from + sizeBytes - prefixPart));
  }

  /** HEADERS, and CONTINUATION for what does not fit (section 6.10). */
  #writeHeaders(streamId: number, headers: readonly string[], flags: number): void {
    const output = this.#output;
    const block = this.#blocks.encode(headers);
    this.framesSent++;
    if (block.length <= this.#frameSizeBytesMax) {
      output.reserve(frameHeaderSizeBytes);
      output.frameHeader(block.length, frameType.headers, flags | flag.endHeaders, streamId);
      output.append(block);
      return;
    }
    for (let at = 0; at < block.length; at += this.#frameSizeBytesMax) {
      const part = block.subarray(at, at + this.#frameSizeBytesMax);
      const last = at + part.length === block.length;
      output.reserve(frameHeaderSizeBytes);
      output.frameHeader(
        part.length,
        at === 0 ? frameType.headers : frameType.continuation,
        (at === 0 ? flags : 0) | (last ? flag.endHeaders : 0),
        streamId,
      );
      output.append(part);
    }
  }
}

/** Of content; a header list has none. */
function leftBytesOf({ headers, payload, sentBytes }: SendItem): number {
  return headers === undefined ? prefixSizeBytes + payload.length - sentBytes : 0;
}

function prefixOf(payload: Uint8Array, compressed: boolean): Uint8Array {
  const prefix = Buffer.alloc(prefixSizeBytes);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(payload.length, 1);
  return prefix;
}
