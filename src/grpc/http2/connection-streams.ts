import * as control from './control-frames.js';
import type { FloodGuard } from './flood-guard.js';
import type { Http2Limits } from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import type { Output } from './output.js';
import { errorCode, type Http2ErrorCode } from './protocol.js';
import { ReceiveWindows } from './receive-windows.js';
import type { StreamOpener } from './request-blocks.js';
import type { ResponseBlocks } from './response-blocks.js';
import { Sender } from './sender.js';
import { StreamTable } from './stream-table.js';
import type { Stream, StreamOwner } from './stream.js';

interface StreamsParts {
  readonly limits: Http2Limits;
  readonly memory: MemoryBudget;
  readonly output: Output;
  readonly responses: ResponseBlocks;
  readonly guard: FloodGuard;
  readonly connection: StreamsConnection;
}

interface StreamsConnection {
  nowMs(): number;
  /** Something was written to the output. */
  wrote(): void;
  /** The last stream is gone. */
  emptied(): void;
}

/** The streams of one connection from their opening to their end, and what they ask for in between. */
export class ConnectionStreams implements StreamOwner {
  readonly #parts: StreamsParts;
  readonly table: StreamTable;
  readonly sender: Sender;
  readonly windows: ReceiveWindows;
  #heldBytes = 0;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
    this.table = new StreamTable(parts.limits.streamsPerConnectionMax);
    this.sender = new Sender(parts.output, parts.responses, (stream) => this.#sendEnded(stream));
    this.windows = new ReceiveWindows(parts.limits, parts.output);
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** No stream may be opened now. */
  get full(): boolean {
    return this.table.full || this.#parts.memory.exceeded;
  }

  nowMs(): number {
    return this.#parts.connection.nowMs();
  }

  // Opening and ending

  open(opener: StreamOpener, id: number, endStream: boolean): Stream {
    const windows = { receive: this.#parts.limits.streamWindowBytes, send: this.sender.initialWindow };
    const stream = opener.open(this, id, windows);
    stream.receiveClosed = endStream;
    this.table.add(stream);
    stream.opened();
    return stream;
  }

  /** The peer has sent its last byte. */
  receiveEnded(stream: Stream): void {
    if (this.windows.serveWaiting(stream, this.#heldBytes)) this.#parts.connection.wrote();
  }

  #sendEnded(stream: Stream): void {
    stream.sendClosed = true;
    if (!stream.receiveClosed) {
      // Section 8.1: the answer is complete, the rest of the request is not wanted.
      control.writeRstStream(this.#parts.output, stream.id, errorCode.noError);
      this.table.ignore(stream.id, stream.receiveWindow);
    }
    this.#remove(stream);
  }

  #remove(stream: Stream): void {
    this.table.remove(stream);
    if (this.windows.serveWaiting(stream, this.#heldBytes)) this.#parts.connection.wrote();
    if (this.table.open === 0) this.#parts.connection.emptied();
  }

  /** The peer reset the stream, or its connection is lost. */
  abort(stream: Stream, why: 'reset' | 'lost'): void {
    this.sender.forget(stream);
    this.#remove(stream);
    stream.aborted(why);
  }

  abortAll(): void {
    for (const stream of this.table.all()) this.abort(stream, 'lost');
  }

  /** Ends the calls that have no end of their own. */
  stopAll(): void {
    for (const stream of this.table.all()) stream.serverStops();
  }

  /**
   * RST_STREAM because the peer broke a rule, for a stream that is open or was not even opened. It costs the peer
   * as much as a reset of its own.
   *
   * @throws ConnectionError when there were too many
   */
  fault(id: number, code: Http2ErrorCode): void {
    this.#parts.guard.reset(this.nowMs());
    const stream = this.table.get(id);
    if (stream !== undefined) this.reset(stream, code);
    else this.#writeReset(id, code, this.#parts.limits.streamWindowBytes);
  }

  reset(stream: Stream, code: Http2ErrorCode): void {
    if (stream.gone) return;
    this.#writeReset(stream.id, code, stream.receiveWindow);
    this.abort(stream, 'reset');
  }

  #writeReset(id: number, code: Http2ErrorCode, windowBytes: number): void {
    control.writeRstStream(this.#parts.output, id, code);
    this.table.ignore(id, windowBytes);
    this.#parts.connection.wrote();
  }

  settled(): void {
    this.table.settled();
  }

  // Sending and receiving

  sendReply(
    stream: Stream,
    headers: readonly string[],
    payload: Uint8Array,
    trailers: readonly string[],
  ): void {
    this.sender.reply(stream, headers, payload, trailers);
    this.#parts.connection.wrote();
  }

  sendHeaders(stream: Stream, headers: readonly string[], end: boolean): void {
    this.sender.headers(stream, headers, end);
    this.#parts.connection.wrote();
  }

  sendMessage(stream: Stream, payload: Uint8Array, compressed: boolean): void {
    this.sender.message(stream, payload, compressed);
    this.#parts.connection.wrote();
  }

  sendContent(stream: Stream, content: Uint8Array, end: boolean): void {
    if (stream.gone || (content.length === 0 && !end)) return;
    this.sender.content(stream, content, end);
    this.#parts.connection.wrote();
  }

  credit(stream: Stream, sizeBytes: number): void {
    if (this.windows.credit(stream, sizeBytes, this.#heldBytes)) this.#parts.connection.wrote();
  }

  hold(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
    this.#parts.memory.hold(sizeBytes);
  }
}
