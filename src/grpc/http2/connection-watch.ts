import type { ConnectionStreams } from './connection-streams.js';
import type { Http2Limits } from './limits.js';
import type { Output } from './output.js';
import { ConnectionError, errorCode } from './protocol.js';
import type { Stream } from './stream.js';

interface WatchParts {
  readonly limits: Http2Limits;
  readonly streams: ConnectionStreams;
  readonly output: Output;
  readonly connection: WatchedConnection;
}

interface WatchedConnection {
  nowMs(): number;
  ping(payload: Uint8Array): void;
  drain(): void;
  refuse(): void;
  destroy(): void;
}

/** How long a peer may take to see that it should open no more streams. */
const drainMs = 1000;

/** Who takes less of what waits for it takes nothing: a window that opens byte by byte is none. */
const progressBytesPerSecondMin = 16 * 1024;

/**
 * Thousands of streams that do nothing cost nothing but a walk now and then: what has waited too long is noticed later
 * by a part of the time that it has, at most.
 */
const walksPerTimeoutMax = 8;

const keepalivePing = Buffer.from('alive?..', 'latin1');

/** What may not take for ever on one connection: looked at now and then, so that nothing needs a timer of its own. */
export class ConnectionWatch {
  readonly #parts: WatchParts;
  readonly #openedMs: number;
  /** The peer's SETTINGS have come. */
  greeted = false;
  settingsAcknowledged = false;
  #readMs: number;
  /** Part of a frame or header block is awaited since then; Infinity: none is. */
  #partSinceMs = Infinity;
  #framesAtPart = -1;
  #idleSinceMs: number;
  #drainingSinceMs = Infinity;
  #endingSinceMs = Infinity;
  /** What the socket has not taken by then is given up. */
  #lastWordsMs = 0;
  #lingerBytesLeft: number;
  #pingedMs = Infinity;
  #sentBytesBefore = 0;
  #progressCheckedMs: number;
  #slowSinceMs = Infinity;
  #aged = false;
  /** No stream can have waited too long before. */
  #streamsDueMs = 0;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#openedMs = parts.connection.nowMs();
    this.#readMs = this.#openedMs;
    this.#idleSinceMs = this.#openedMs;
    this.#progressCheckedMs = this.#openedMs;
    this.#lingerBytesLeft = parts.limits.lingerSizeBytesMax;
  }

  /** A chunk was taken in. @param frames how many have come so far */
  ran(nowMs: number, midFrame: boolean, frames: number): void {
    this.#readMs = nowMs;
    this.#pingedMs = Infinity;
    if (!midFrame) this.#partSinceMs = Infinity;
    else if (frames !== this.#framesAtPart || this.#partSinceMs === Infinity) {
      this.#partSinceMs = nowMs;
      this.#framesAtPart = frames;
    }
  }

  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  /** The last stream is gone. */
  idle(nowMs: number): void {
    this.#idleSinceMs = nowMs;
  }

  draining(nowMs: number): void {
    this.#drainingSinceMs = nowMs;
  }

  /** @param served all calls have ended well: their answers have the time that answers have */
  ending(nowMs: number, served: boolean): void {
    const { lingerTimeoutMs, sendStallTimeoutMs } = this.#parts.limits;
    this.#endingSinceMs = nowMs;
    this.#lastWordsMs = served ? Math.max(lingerTimeoutMs, sendStallTimeoutMs) : lingerTimeoutMs;
  }

  /** Whether a connection that ends has been given time enough to say its last words, and the peer to hear them. */
  lingeredTooLong(): boolean {
    const { output, connection, limits } = this.#parts;
    const nowMs = connection.nowMs();
    if (output.isWriting) return output.stalledMs(nowMs) > this.#lastWordsMs;
    return nowMs - this.#endingSinceMs > limits.lingerTimeoutMs;
  }

  /** Bytes came for a connection that ends. @returns whether they are too many */
  lingered(sizeBytes: number): boolean {
    this.#lingerBytesLeft -= sizeBytes;
    return this.#lingerBytesLeft < 0;
  }

  /** @throws ConnectionError for what must end the connection */
  check(): void {
    const { limits, connection, output } = this.#parts;
    const nowMs = connection.nowMs();
    const ageMs = nowMs - this.#openedMs;
    if (!this.greeted && ageMs > limits.prefaceTimeoutMs) {
      throw new ConnectionError(errorCode.settingsTimeout, 'no SETTINGS came (prefaceTimeoutMs)');
    }
    if (!this.settingsAcknowledged && ageMs > limits.settingsTimeoutMs) {
      throw new ConnectionError(
        errorCode.settingsTimeout,
        'SETTINGS are not acknowledged (settingsTimeoutMs)',
      );
    }
    if (nowMs - this.#partSinceMs > limits.frameTimeoutMs) {
      throw new ConnectionError(
        errorCode.enhanceYourCalm,
        'a frame was begun and not ended (frameTimeoutMs)',
      );
    }
    if (output.stalledMs(nowMs) > limits.sendStallTimeoutMs) {
      // Nothing that could be said would be read.
      connection.destroy();
      return;
    }
    this.#checkKeepalive(nowMs);
    this.#checkAge(nowMs, ageMs);
    this.#checkProgress(nowMs);
    if (this.#parts.streams.table.open > 0) this.#checkStreams(nowMs);
  }

  /** For so long the peer has taken next to nothing of what waits for it; 0: it does take it, or nothing waits. */
  stalledMs(nowMs: number): number {
    return this.#slowSinceMs === Infinity ? 0 : nowMs - this.#slowSinceMs;
  }

  #checkProgress(nowMs: number): void {
    const { answers, sender } = this.#parts.streams;
    const sentBytes = sender.sentBytes - this.#sentBytesBefore;
    this.#sentBytesBefore = sender.sentBytes;
    const tookMs = nowMs - this.#progressCheckedMs;
    this.#progressCheckedMs = nowMs;
    const slow = !answers.nothingUnsent && sentBytes < (progressBytesPerSecondMin * tookMs) / 1000;
    if (!slow) this.#slowSinceMs = Infinity;
    else if (this.#slowSinceMs === Infinity) this.#slowSinceMs = nowMs - tookMs;
  }

  #checkKeepalive(nowMs: number): void {
    const { limits, connection } = this.#parts;
    if (nowMs - this.#pingedMs > limits.keepaliveTimeoutMs) connection.destroy();
    else if (this.#pingedMs === Infinity && nowMs - this.#readMs > limits.keepaliveTimeMs) {
      this.#pingedMs = nowMs;
      connection.ping(keepalivePing);
    }
  }

  #checkAge(nowMs: number, ageMs: number): void {
    const { limits, connection, streams } = this.#parts;
    if (nowMs - this.#drainingSinceMs > drainMs) connection.refuse();
    const idle = streams.table.open === 0 && nowMs - this.#idleSinceMs > limits.connectionIdleMsMax;
    if (ageMs > limits.connectionAgeMsMax) this.#aged = true;
    if (idle || this.#aged) connection.drain();
    if (ageMs > limits.connectionAgeMsMax + limits.connectionAgeGraceMs) {
      throw new ConnectionError(errorCode.noError, 'the connection is too old (connectionAgeMsMax)');
    }
  }

  #checkStreams(nowMs: number): void {
    if (nowMs < this.#streamsDueMs) return;
    const { limits, streams } = this.#parts;
    const shortestMs = Math.min(limits.sendStallTimeoutMs, limits.messageTimeoutMs);
    // Nothing that begins from now on is due earlier.
    let dueMs = nowMs + shortestMs;
    for (const stream of streams.table.all()) {
      const streamDueMs = dueMsOf(stream, limits);
      if (nowMs > streamDueMs) streams.reset(stream, errorCode.cancel);
      else if (streamDueMs < dueMs) dueMs = streamDueMs;
    }
    this.#streamsDueMs = Math.max(dueMs, nowMs + shortestMs / walksPerTimeoutMax);
  }
}

/** When a stream will have waited too long for its peer, as things are. */
function dueMsOf(stream: Stream, { sendStallTimeoutMs, messageTimeoutMs }: Http2Limits): number {
  const unsent = stream.queue === undefined ? Infinity : stream.sendProgressMs + sendStallTimeoutMs;
  const unfinished = stream.messageSinceMs === 0 ? Infinity : stream.messageSinceMs + messageTimeoutMs;
  return Math.min(unsent, unfinished);
}
