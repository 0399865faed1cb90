import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode } from './protocol.js';
import { RateLimiter } from './rate-limiter.js';

/** WINDOW_UPDATE frames that one frame of ours justifies; and pings, by which clients measure the line. */
const updatesPerFrameSent = 10;
const pingsPerFrameSent = 1;

/** Pings that come too early before the connection ends. */
const pingStrikesMax = 2;

/**
 * Counts what costs us more than it costs the peer. Each method throws ConnectionError (ENHANCE_YOUR_CALM) when
 * it has been too often.
 */
export class FloodGuard {
  readonly #limits: Http2Limits;
  readonly #resets: RateLimiter;
  readonly #settings: RateLimiter;
  readonly #pings: RateLimiter;
  readonly #emptyFrames: RateLimiter;
  readonly #windowUpdates: RateLimiter;
  readonly #uselessFrames: RateLimiter;
  #framesSentAtUpdate = 0;
  #framesSentAtPing = 0;
  #lastPingMs = -Infinity;
  #pingStrikes = 0;

  constructor(limits: Http2Limits, nowMs: number) {
    this.#limits = limits;
    this.#resets = new RateLimiter(limits.resetRate, nowMs);
    this.#settings = new RateLimiter(limits.settingsRate, nowMs);
    this.#pings = new RateLimiter(limits.pingRate, nowMs);
    this.#emptyFrames = new RateLimiter(limits.emptyFrameRate, nowMs);
    this.#windowUpdates = new RateLimiter(limits.windowUpdateRate, nowMs);
    this.#uselessFrames = new RateLimiter(limits.uselessFrameRate, nowMs);
  }

  reset(nowMs: number): void {
    if (!this.#resets.take(nowMs)) tooMany('resets (resetRate)');
  }

  settings(nowMs: number): void {
    if (!this.#settings.take(nowMs)) tooMany('SETTINGS frames (settingsRate)');
  }

  emptyFrame(nowMs: number): void {
    if (!this.#emptyFrames.take(nowMs)) tooMany('empty frames (emptyFrameRate)');
  }

  uselessFrame(nowMs: number): void {
    if (!this.#uselessFrames.take(nowMs)) tooMany('frames without use (uselessFrameRate)');
  }

  /** @param framesSent DATA and HEADERS frames that we sent so far; as for `ping` */
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
}

function tooMany(what: string): never {
  throw new ConnectionError(errorCode.enhanceYourCalm, `too many ${what}`);
}
