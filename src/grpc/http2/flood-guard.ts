import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode } from './protocol.js';
import { RateLimiter } from './rate-limiter.js';

/** WINDOW_UPDATE frames that one frame of ours justifies; and pings, by which clients measure the line. */
const updatesPerFrameSent = 10;
const pingsPerFrameSent = 1;

/** What one answered call justifies: frames that cross its end, and cancellations of other calls. */
const uselessFramesPerAnswer = 2;
const emptyFramesPerAnswer = 1;
const resetsPerAnswer = 1;

/** To make an answer of this size and throw it away is as dear as one more call. */
const wastedBytesPerReset = 32 * 1024;

/** Pings that come too early before the connection ends. */
const pingStrikesMax = 2;

/**
 * Counts what costs us more than it costs the peer. Each method but `reset` throws ConnectionError
 * (ENHANCE_YOUR_CALM) when it has been too often. `answered` are the calls that we ended so far, `framesSent` the DATA
 * and HEADERS frames that we sent: honest clients cause more of the rest the more they are served.
 */
export class FloodGuard {
  readonly #limits: Http2Limits;
  readonly #resets: RateLimiter;
  readonly #faults: RateLimiter;
  readonly #settings: RateLimiter;
  readonly #pings: RateLimiter;
  readonly #emptyFrames: RateLimiter;
  readonly #windowUpdates: RateLimiter;
  readonly #uselessFrames: RateLimiter;
  /** Calls were cancelled too fast: no new ones for now. */
  #refusing = false;
  #answered = 0;
  #framesSentAtUpdate = 0;
  #framesSentAtPing = 0;
  #lastPingMs = -Infinity;
  #pingStrikes = 0;

  constructor(limits: Http2Limits, nowMs: number) {
    this.#limits = limits;
    this.#resets = new RateLimiter(limits.resetRate, nowMs);
    this.#faults = new RateLimiter(limits.faultRate, nowMs);
    this.#settings = new RateLimiter(limits.settingsRate, nowMs);
    this.#pings = new RateLimiter(limits.pingRate, nowMs);
    this.#emptyFrames = new RateLimiter(limits.emptyFrameRate, nowMs);
    this.#windowUpdates = new RateLimiter(limits.windowUpdateRate, nowMs);
    this.#uselessFrames = new RateLimiter(limits.uselessFrameRate, nowMs);
  }

  /**
   * The peer cancelled a call. However fast it does, that ends nothing: what it has open is all that it can cancel
   * when new calls are refused.
   *
   * @param wastedBytes of the answer, which were waiting to be sent
   */
  reset(nowMs: number, answered: number, wastedBytes: number): void {
    this.#earn(answered);
    this.#refusing = !this.#resets.charge(1 + Math.floor(wastedBytes / wastedBytesPerReset), nowMs);
  }

  /** Whether a new call must be refused, because too many were cancelled. */
  refuses(nowMs: number, answered: number): boolean {
    if (!this.#refusing) return false;
    this.#earn(answered);
    this.#refusing = !this.#resets.has(nowMs);
    return this.#refusing;
  }

  fault(nowMs: number): void {
    if (!this.#faults.take(nowMs)) tooMany('streams that break rules (faultRate)');
  }

  settings(nowMs: number): void {
    if (!this.#settings.take(nowMs)) tooMany('SETTINGS frames (settingsRate)');
  }

  emptyFrame(nowMs: number, answered: number): void {
    this.#earn(answered);
    if (!this.#emptyFrames.take(nowMs)) tooMany('empty frames (emptyFrameRate)');
  }

  uselessFrame(nowMs: number, answered: number): void {
    this.#earn(answered);
    if (!this.#uselessFrames.take(nowMs)) tooMany('frames without use (uselessFrameRate)');
  }

  windowUpdate(nowMs: number, framesSent: number): void {
    this.#windowUpdates.earn((framesSent - this.#framesSentAtUpdate) * updatesPerFrameSent);
    this.#framesSentAtUpdate = framesSent;
    if (!this.#windowUpdates.take(nowMs)) tooMany('WINDOW_UPDATE frames (windowUpdateRate)');
  }

  ping(nowMs: number, framesSent: number): void {
    const sentSince = framesSent - this.#framesSentAtPing;
    this.#framesSentAtPing = framesSent;
    this.#pings.earn(sentSince * pingsPerFrameSent);
    if (!this.#pings.take(nowMs)) tooMany('pings (pingRate)');
    const sinceMs = nowMs - this.#lastPingMs;
    this.#lastPingMs = nowMs;
    if (sentSince > 0) this.#pingStrikes = 0;
    else if (sinceMs < this.#limits.pingIntervalMsMin) this.#pingStrikes++;
    // The words that gRPC clients look for, to ping less often from then on.
    if (this.#pingStrikes > pingStrikesMax)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too_many_pings');
  }

  #earn(answered: number): void {
    const since = answered - this.#answered;
    if (since <= 0) return;
    this.#answered = answered;
    this.#resets.earn(since * resetsPerAnswer);
    this.#uselessFrames.earn(since * uselessFramesPerAnswer);
    this.#emptyFrames.earn(since * emptyFramesPerAnswer);
  }
}

function tooMany(what: string): never {
  throw new ConnectionError(errorCode.enhanceYourCalm, `too many ${what}`);
}
