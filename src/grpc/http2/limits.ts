import type { Rate } from './rate-limiter.js';

/** What one connection may do. Past a limit the connection ends, unless it says something milder. */
export interface Http2Limits {
  /**
   * Calls open at once; SETTINGS_MAX_CONCURRENT_STREAMS. One more is refused (REFUSED_STREAM). Four times
   * as many may still be worked on although they were cancelled; past that new ones are refused as by `resetRate`.
   */
  readonly streamsPerConnectionMax: number;
  /**
   * Bytes that a client may send ahead on one stream; at least 65,535. A message whose length is known may come whole,
   * while what a connection holds and was promised is less than half of `receivedBytesPerConnectionMax`.
   */
  readonly streamWindowBytes: number;
  /** The same for all streams of a connection together. */
  readonly connectionWindowBytes: number;
  /** Of unfinished requests on one connection; past it only the oldest gets a new window, the others wait. */
  readonly receivedBytesPerConnectionMax: number;
  /** Of answers that wait for one client to take them; with more, its next calls wait for their turn. */
  readonly answerBytesPerConnectionMax: number;
  /**
   * Of what all connections make the server hold: streams, requests, answers. With three quarters of it no large answer
   * is made for who has not taken his last one, with seven eighths for nobody; past it the connections are closed that hold most, and longest.
   */
  readonly memoryBytesMax: number;
  /** HPACK's table for what clients send. */
  readonly headerTableSizeBytesMax: number;
  /** Header names and values with 32 bytes for each, unpacked. The one call is refused (RESOURCE_EXHAUSTED). */
  readonly headerListSizeBytesMax: number;
  /** One header block as it is sent, HEADERS and CONTINUATION together. */
  readonly headerBlockSizeBytesMax: number;
  /** CONTINUATION frames of one header block. */
  readonly continuationFramesMax: number;
  /**
   * Calls that the client cancels; each call that is answered allows one more, and each 32 KiB of an answer that is
   * thrown away count as another one. New calls are refused (RESOURCE_EXHAUSTED) until there is room again.
   */
  readonly resetRate: Rate;
  /** Streams that the client makes us reset by breaking a rule. */
  readonly faultRate: Rate;
  readonly settingsRate: Rate;
  readonly pingRate: Rate;
  /** DATA, HEADERS and CONTINUATION frames that carry nothing and end nothing; each answered call allows one more. */
  readonly emptyFrameRate: Rate;
  /** WINDOW_UPDATE; each frame that we send allows ten more. */
  readonly windowUpdateRate: Rate;
  /**
   * PRIORITY, unknown frames, RST_STREAM for streams that are not open, and calls past streamsPerConnectionMax; each
   * answered call allows two more.
   */
  readonly uselessFrameRate: Rate;
  /** Answers to a client's PING, SETTINGS and faults that wait because it does not read. */
  readonly outputBytesMax: number;

  /** Until the preface and the first SETTINGS, TLS handshake included. */
  readonly prefaceTimeoutMs: number;
  /** Until our SETTINGS are acknowledged. */
  readonly settingsTimeoutMs: number;
  /** From the first to the last byte of a frame, and of a header block. */
  readonly frameTimeoutMs: number;
  /** From the first to the last byte of a message. The one call is reset. */
  readonly messageTimeoutMs: number;
  /** Without the socket taking anything, or, for one call, without the client's window letting anything through. */
  readonly sendStallTimeoutMs: number;
  /** Silence after which a connection is pinged; and how long it may take to answer. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Pings of a client that come faster, with nothing sent to it in between, count as faults; three are too many. */
  readonly pingIntervalMsMin: number;
  /**
   * How long, and for how many bytes, a connection that has ended is read on. What comes is thrown away; but were the
   * socket closed over it, the kernel would throw away what the peer has not read, the GOAWAY with it.
   */
  readonly lingerTimeoutMs: number;
  readonly lingerSizeBytesMax: number;
  /** A connection without calls is closed after this; Infinity: never. */
  readonly connectionIdleMsMax: number;
  /** A connection this old takes no more calls; after the grace time it is closed. */
  readonly connectionAgeMsMax: number;
  readonly connectionAgeGraceMs: number;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const http2LimitDefaults: Http2Limits = {
  streamsPerConnectionMax: 1024,
  streamWindowBytes: 256 * kibibyte,
  connectionWindowBytes: 4 * mebibyte,
  receivedBytesPerConnectionMax: 16 * mebibyte,
  answerBytesPerConnectionMax: 4 * mebibyte,
  memoryBytesMax: 512 * mebibyte,
  headerTableSizeBytesMax: 4 * kibibyte,
  headerListSizeBytesMax: 16 * kibibyte,
  headerBlockSizeBytesMax: 64 * kibibyte,
  continuationFramesMax: 16,
  resetRate: { burst: 10_000, perSecond: 20_000 },
  faultRate: { burst: 1000, perSecond: 100 },
  settingsRate: { burst: 100, perSecond: 10 },
  pingRate: { burst: 100, perSecond: 10 },
  emptyFrameRate: { burst: 1000, perSecond: 100 },
  windowUpdateRate: { burst: 10_000, perSecond: 1000 },
  uselessFrameRate: { burst: 10_000, perSecond: 1000 },
  outputBytesMax: mebibyte,
  prefaceTimeoutMs: 10_000,
  settingsTimeoutMs: 30_000,
  frameTimeoutMs: 30_000,
  messageTimeoutMs: 120_000,
  sendStallTimeoutMs: 120_000,
  keepaliveTimeMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  pingIntervalMsMin: 5000,
  lingerTimeoutMs: 10_000,
  lingerSizeBytesMax: 8 * mebibyte,
  connectionIdleMsMax: Infinity,
  connectionAgeMsMax: Infinity,
  connectionAgeGraceMs: 30_000,
};
