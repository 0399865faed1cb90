import { AnswerLine, type AnswerTurns, type WaitingAnswer } from './answer-turns.js';
import * as control from './control-frames.js';
import type { FloodGuard } from './flood-guard.js';
import type { Http2Limits } from './limits.js';
import type { MemoryAccount } from './memory-budget.js';
import type { Output } from './output.js';
import { errorCode, type Http2ErrorCode } from './protocol.js';
import { ReceiveWindows } from './receive-windows.js';
import type { StreamOpener } from './request-blocks.js';
import type { ResponseBlocks } from './response-blocks.js';
import { Sender } from './sender.js';
import type { Share } from './share.js';
import { StreamTable } from './stream-table.js';
import type { PinnedChunk, Stream, StreamOwner } from './stream.js';

interface StreamsParts {
  readonly limits: Http2Limits;
  readonly memory: MemoryAccount;
  readonly answers: AnswerTurns;
  readonly output: Output;
  readonly responses: ResponseBlocks;
  readonly guard: FloodGuard;
  readonly connection: StreamsConnection;
  readonly share: Share;
}

interface StreamsConnection {
  nowMs(): number;
  /** Something was written to the output. */
  wrote(): void;
  /** The last stream is gone. */
  emptied(): void;
  /** Something on this connection threw what it never should: the connection ends, and nothing else. */
  failed(error: unknown): void;
}

const unaccountedBytesMax = 4096;

/** To stop a call costs some thirty microseconds: its trailers, its handler. */
const stoppedPerTurn = 128;

/** The streams of one connection from their opening to their end, and what they ask for in between. */
export class ConnectionStreams implements StreamOwner {
  readonly #parts: StreamsParts;
  readonly table: StreamTable;
  readonly sender: Sender;
  readonly windows: ReceiveWindows;
  readonly answers: AnswerLine;
  #unaccountedBytes = 0;
  /** Where the server stops, those that it has not told yet. */
  #toStop: Stream[] | undefined;
  /** What is being read. */
  #chunk: Uint8Array | undefined;
  #pinned: PinnedChunk | undefined;
  /** Calls that we ended, refusals for cancelling too fast not counted. */
  answered = 0;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
    this.table = new StreamTable(parts.limits.streamsPerConnectionMax);
    this.sender = new Sender(parts.output, parts.responses, (stream) => this.#sendEnded(stream));
    this.windows = new ReceiveWindows(parts.limits, parts.output);
    this.answers = new AnswerLine(parts.answers, parts.limits.answerBytesPerConnectionMax);
  }

  get share(): Share {
    return this.#parts.share;
  }

  /** No stream may be opened now. */
  get full(): boolean {
    return this.table.full || this.#parts.memory.exceeded;
  }

  /** The peer cancels calls faster than they should be begun. */
  get overrun(): boolean {
    return this.table.overrun || this.#parts.guard.refuses(this.nowMs(), this.answered);
  }

  nowMs(): number {
    return this.#parts.connection.nowMs();
  }

  // Opening and ending

  open(opener: StreamOpener, id: number, endStream: boolean): Stream {
    const windows = { receive: this.#parts.limits.streamWindowBytes, send: this.sender.initialWindow };
    const stream = opener.open(this, id, windows);
    stream.hold(stream.footprintBytes + opener.heldBytes);
    stream.receiveClosed = endStream;
    this.table.add(stream);
    stream.opened();
    return stream;
  }

  /** Refuses a call with a status, as `opener` does. It earns the peer nothing. */
  openRefused(opener: StreamOpener, id: number, endStream: boolean): void {
    this.open(opener, id, endStream);
    this.answered--;
  }

  /** Does not even open a stream (section 8.7). @throws ConnectionError when there were too many that should not have come */
  refuse(id: number): void {
    if (!this.#parts.memory.exceeded) this.#parts.guard.uselessFrame(this.nowMs(), this.answered);
    this.#writeReset(id, errorCode.refusedStream, this.#parts.limits.streamWindowBytes);
  }

  /** The peer has sent its last byte. */
  receiveEnded(stream: Stream): void {
    if (this.windows.serveWaiting(stream, this.#parts.memory.heldBytes)) this.#parts.connection.wrote();
  }

  #sendEnded(stream: Stream): void {
    stream.sendClosed = true;
    this.answered++;
    if (!stream.receiveClosed) {
      // Section 8.1: the answer is complete, the rest of the request is not wanted.
      control.writeRstStream(this.#parts.output, stream.id, errorCode.noError);
      this.table.ignore(stream.id, stream.receiveWindow);
    }
    this.#remove(stream);
  }

  #remove(stream: Stream): void {
    this.table.remove(stream);
    if (!stream.busy) stream.release();
    if (this.windows.serveWaiting(stream, this.#parts.memory.heldBytes)) this.#parts.connection.wrote();
    if (this.table.open === 0) this.#parts.connection.emptied();
  }

  /** The peer reset the stream. */
  cancelled(stream: Stream): void {
    this.#parts.guard.reset(this.nowMs(), this.answered, stream.queuedBytes);
    this.abort(stream, 'reset');
  }

  /** The stream was reset, or its connection is lost. */
  abort(stream: Stream, why: 'reset' | 'lost'): void {
    this.sender.forget(stream);
    this.#remove(stream);
    this.#guarded(() => stream.aborted(why));
  }

  abortAll(): void {
    this.answers.clear();
    for (const stream of this.table.all()) this.abort(stream, 'lost');
  }

  /** The peer sends nothing more: whose request is not whole by now never will be. */
  abortUnfinished(): void {
    for (const stream of this.table.all()) if (!stream.receiveClosed) this.abort(stream, 'lost');
  }

  /** Ends the calls that have no end of their own, some with each call. @returns whether there are more */
  stopSome(): boolean {
    const left = (this.#toStop ??= [...this.table.all()]);
    for (const stream of left.splice(-stoppedPerTurn)) this.#guarded(() => stream.serverStops());
    return left.length > 0;
  }

  /** What one call throws must not keep the others from theirs. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#parts.connection.failed(error);
    }
  }

  /**
   * RST_STREAM because the peer broke a rule, for a stream that is open or was not even opened.
   *
   * @throws ConnectionError when there were too many
   */
  fault(id: number, code: Http2ErrorCode): void {
    this.#parts.guard.fault(this.nowMs());
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

  settled(stream: Stream): void {
    stream.release();
    // Perhaps the connection is gone, and has no more turns.
    this.account();
    this.table.settled();
  }

  // Sending and receiving: asked for by handlers, in whatever turn and loop; their callers must not get what is ours.

  sendReply(
    stream: Stream,
    headers: readonly string[],
    payload: Uint8Array,
    trailers: readonly string[],
  ): void {
    try {
      this.sender.reply(stream, headers, payload, trailers);
    } catch (error) {
      this.#parts.connection.failed(error);
    }
    this.#parts.connection.wrote();
  }

  sendHeaders(stream: Stream, headers: readonly string[], end: boolean): void {
    try {
      this.sender.headers(stream, headers, end);
    } catch (error) {
      this.#parts.connection.failed(error);
    }
    this.#parts.connection.wrote();
  }

  sendMessage(stream: Stream, payload: Uint8Array, compressed: boolean): void {
    try {
      this.sender.message(stream, payload, compressed);
    } catch (error) {
      this.#parts.connection.failed(error);
    }
    this.#parts.connection.wrote();
  }

  sendContent(stream: Stream, content: Uint8Array, end: boolean): void {
    if (stream.gone || (content.length === 0 && !end)) return;
    try {
      this.sender.content(stream, content, end);
    } catch (error) {
      this.#parts.connection.failed(error);
    }
    this.#parts.connection.wrote();
  }

  credit(stream: Stream, sizeBytes: number): void {
    if (this.windows.credit(stream, sizeBytes, this.#parts.memory.heldBytes)) this.#parts.connection.wrote();
  }

  expect(stream: Stream, sizeBytes: number): void {
    const { memory, connection } = this.#parts;
    if (memory.spent) return;
    if (this.windows.expect(stream, sizeBytes, memory.heldBytes)) connection.wrote();
  }

  // Memory

  hold(sizeBytes: number): void {
    this.#unaccountedBytes += sizeBytes;
    if (Math.abs(this.#unaccountedBytes) > unaccountedBytesMax) this.account();
  }

  /** Most calls come and go within a turn: what they hold is told to the account when much has gathered, or a turn ends. */
  account(): void {
    if (this.#unaccountedBytes === 0) return;
    this.#parts.memory.hold(this.#unaccountedBytes);
    this.#unaccountedBytes = 0;
  }

  get memorySpent(): boolean {
    return this.#parts.memory.spent;
  }

  /** What is read from now on lies in `chunk`; undefined: all of it has been read. */
  reading(chunk: Uint8Array | undefined): void {
    this.#chunk = chunk;
    this.#pinned = undefined;
  }

  pin(bytes: Uint8Array): PinnedChunk | undefined {
    if (bytes !== this.#chunk) return undefined;
    if (this.#pinned === undefined) {
      this.#pinned = { sizeBytes: bytes.length, pins: 0 };
      this.hold(bytes.length);
    }
    this.#pinned.pins++;
    return this.#pinned;
  }

  unpin(chunk: PinnedChunk): void {
    if (--chunk.pins > 0) return;
    this.hold(-chunk.sizeBytes);
    // Who comes later must count it again.
    if (chunk === this.#pinned) this.#pinned = undefined;
  }

  unsent(sizeBytes: number): void {
    this.answers.unsent(sizeBytes);
  }

  get answersFull(): boolean {
    return this.answers.full;
  }

  takeAnswer(): boolean {
    return this.answers.take();
  }

  awaitAnswer(answer: WaitingAnswer): void {
    this.answers.add(answer);
  }
}
