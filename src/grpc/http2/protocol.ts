/** Numbers of HTTP/2 (RFC 9113). */

/** Section 3.4: what a client sends first. */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Section 4.1. */
export const frameHeaderSizeBytes = 9;

/** Section 6. */
export const frameType = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Section 7. */
export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

export type Http2ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** Section 6.5.2. */
export const settingId = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
} as const;

/** Section 6.9.2: of the connection, and of streams until SETTINGS say otherwise. */
export const windowSizeBytesDefault = 65_535;
/** Section 6.9.1. */
export const windowSizeBytesMax = 0x7fff_ffff;
/** Section 4.2: what every peer takes, and what the 24 bits of a length can say. */
export const frameSizeBytesDefault = 16_384;
export const frameSizeBytesMax = 0xff_ffff;

export const streamIdMax = 0x7fff_ffff;

/** The whole connection must end, with GOAWAY (section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: Http2ErrorCode;

  /** @param message goes to the peer as GOAWAY's debug data */
  constructor(code: Http2ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
