import type { WaitingAnswer } from './answer-turns.js';
import type { Http2ErrorCode } from './protocol.js';
import type { Share } from './share.js';

/**
 * Something to send on a stream, in order: a header list, or a message with its five bytes of prefix. Content that is
 * no message counts as one whose prefix has been sent.
 */
export interface SendItem {
  readonly headers: readonly string[] | undefined;
  /** Whether it is the last. */
  readonly end: boolean;
  readonly payload: Uint8Array;
  readonly compressed: boolean;
  /** Of prefix and payload, the bytes that have been sent. */
  sentBytes: number;
}

/** What a stream asks of its connection. */
export interface StreamOwner {
  /** A header list, then a message, then trailers, in one go: the answer of a unary call. */
  sendReply(
    stream: Stream,
    headers: readonly string[],
    payload: Uint8Array,
    trailers: readonly string[],
  ): void;
  sendHeaders(stream: Stream, headers: readonly string[], end: boolean): void;
  sendMessage(stream: Stream, payload: Uint8Array, compressed: boolean): void;
  /** Bytes that are no message of gRPC; with `end` the last, perhaps none. Waits for the end of the turn. */
  sendContent(stream: Stream, content: Uint8Array, end: boolean): void;
  /** RST_STREAM; forgets the stream. */
  reset(stream: Stream, code: Http2ErrorCode): void;
  /** The application is done with `sizeBytes` of what arrived: the peer may send as many more. */
  credit(stream: Stream, sizeBytes: number): void;
  /** So many bytes of a message are still to come: the peer may send all of them, where there is room. */
  expect(stream: Stream, sizeBytes: number): void;
  /** The application has ended its work on a stream that is gone. */
  settled(stream: Stream): void;
  /** Counts bytes that are kept in memory for this connection; negative when they are let go. */
  hold(sizeBytes: number): void;
  /** Too much is held on the whole: nothing large may be made. */
  readonly memorySpent: boolean;
  /** Counts the chunk that `bytes` are until as many `unpin`; undefined if it is not the one being read. */
  pin(bytes: Uint8Array): PinnedChunk | undefined;
  unpin(chunk: PinnedChunk): void;
  /** Bytes of answers come to wait for the peer, or cease to when below zero. */
  unsent(sizeBytes: number): void;
  /** The peer has so much unsent that no more of its calls should begin. */
  readonly answersFull: boolean;
  /** Whether an answer may be made now; if not, it must wait. To be asked for each that is made. */
  takeAnswer(): boolean;
  awaitAnswer(answer: WaitingAnswer): void;
  /** Of the client that the connection belongs to. */
  readonly share: Share;
  /** Milliseconds, monotonic, as of this turn. */
  nowMs(): number;
}

/** What was read from the socket at once; views into it keep all of it in memory. */
export interface PinnedChunk {
  readonly sizeBytes: number;
  pins: number;
}

/** What an item costs in memory beside its payload, and a header list for each name or value beside its text. */
const itemOverheadBytes = 128;
const fieldOverheadBytes = 32;

/** From here on a writer is told to wait; below again, to go on. */
const queuedBytesMark = 64 * 1024;

/**
 * One stream as HTTP/2 sees it (RFC 9113, section 5.1): open until both sides are closed. The application
 * derives its calls from it, so that a call costs one object.
 */
export abstract class Stream {
  readonly owner: StreamOwner;
  readonly id: number;

  /** Bytes that the peer may still send. */
  receiveWindow: number;
  /** Bytes that the application is done with and the peer has not been told of. */
  creditBytes = 0;
  /** Bytes that the peer was allowed beyond the usual window, and has not sent. */
  advancedBytes = 0;
  /** The peer has sent END_STREAM. */
  receiveClosed = false;
  /** Bytes that `content-length` still promises; -1 without one (section 8.1.1). */
  contentLeftBytes: number;

  /** Bytes that the peer takes; below zero after it made the window smaller. */
  sendWindow: number;
  /** We have sent END_STREAM. */
  sendClosed = false;
  /** Nothing more happens here: reset, or its connection is lost, or both sides closed. */
  gone = false;
  /** What waits for a window or the socket. */
  queue: SendItem[] | undefined;
  queuedBytes = 0;
  /** It stands in the connection's list of streams that can send. */
  queuedForSending = false;
  /** When something of the queue was last sent, or it began. */
  sendProgressMs = 0;
  /** Since when a message is awaited that must come: from its first byte on, or from the stream's opening; 0: none is. */
  messageSinceMs = 0;

  /** In memory for this stream, itself among it. */
  heldBytes = 0;
  released = false;

  constructor(
    owner: StreamOwner,
    id: number,
    windows: { receive: number; send: number },
    contentLength: number,
  ) {
    this.owner = owner;
    this.id = id;
    this.receiveWindow = windows.receive;
    this.sendWindow = windows.send;
    this.contentLeftBytes = contentLength;
  }

  /** The connection knows the stream: it may send. */
  abstract opened(): void;

  /** A DATA frame's content; `last` with END_STREAM. */
  abstract data(bytes: Buffer, from: number, to: number, last: boolean): void;

  /** The peer reset the stream, broke a rule on it, or the connection is lost. Nothing can be sent any more. */
  abstract aborted(why: 'reset' | 'lost'): void;

  /** The server stops: whatever would go on for ever must end. */
  abstract serverStops(): void;

  /** The writer that was told to wait may go on. */
  abstract drained(): void;

  /** The application still works on it. */
  abstract get busy(): boolean;

  /** What it costs in memory, roughly, with nothing received and nothing to send. */
  abstract readonly footprintBytes: number;

  get slow(): boolean {
    return this.queuedBytes > queuedBytesMark;
  }

  enqueue(item: SendItem): void {
    if (this.queue === undefined) {
      this.queue = [];
      this.sendProgressMs = this.owner.nowMs();
    }
    this.queue.push(item);
    this.#queued(itemSizeBytes(item));
  }

  /** The first item of the queue has been sent. */
  dequeue(): void {
    const item = this.queue!.shift()!;
    const beforeBytes = this.queuedBytes;
    this.#queued(-itemSizeBytes(item));
    if (this.queue!.length === 0) this.queue = undefined;
    if (beforeBytes > queuedBytesMark && !this.slow) this.drained();
  }

  /** Lets go of all that is still to be sent. */
  clearQueue(): void {
    this.#queued(-this.queuedBytes);
    this.queue = undefined;
  }

  #queued(sizeBytes: number): void {
    if (sizeBytes === 0) return;
    this.queuedBytes += sizeBytes;
    this.hold(sizeBytes);
    this.owner.unsent(sizeBytes);
  }

  /** Counts bytes that are kept in memory for this stream; negative when they are let go. */
  hold(sizeBytes: number): void {
    if (this.released) return;
    this.heldBytes += sizeBytes;
    this.owner.hold(sizeBytes);
  }

  /** Nothing is kept for this stream any more. */
  release(): void {
    this.hold(-this.heldBytes);
    this.released = true;
  }
}

function itemSizeBytes({ headers, payload }: SendItem): number {
  let sizeBytes = itemOverheadBytes + payload.length;
  if (headers !== undefined) for (const text of headers) sizeBytes += fieldOverheadBytes + text.length;
  return sizeBytes;
}
