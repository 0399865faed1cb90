import { pastLimit, type KvorumError } from '../base/errors.js';
import { http2LimitDefaults, type Http2Limits } from './http2/limits.js';

const mebibyte = 1024 * 1024;

/** What a server accepts. Each limit has its default; docs/grpc-server.md has the list. */
export interface GrpcLimits extends Http2Limits {
  /** Open connections; one more is closed at once, or takes the place of one that is idle. See shares.ts. */
  readonly connectionsMax: number;
  /** Unary calls being worked on, over all connections. One more is refused (RESOURCE_EXHAUSTED). */
  readonly requestsInFlightMax: number;
  /** The same for calls that stream. */
  readonly streamingCallsMax: number;
  /** GET and HEAD requests over HTTP/2 being answered, over all connections. One more is told 503. */
  readonly pagesInFlightMax: number;
  /** Of one request message, unpacked. The call is refused (RESOURCE_EXHAUSTED). */
  readonly requestSizeBytesMax: number;
  /** Of one response message. The call fails (RESOURCE_EXHAUSTED). */
  readonly responseSizeBytesMax: number;
  /** Messages being packed or unpacked at once, over all connections; the next ones wait. */
  readonly compressionsMax: number;
  /** Responses at least this long are compressed, for callers that compress their requests. Infinity: none. */
  readonly compressedSizeBytesMin: number;
  /** Header names and values of an HTTP/1.1 request. */
  readonly http1HeaderSizeBytesMax: number;
  /** Until an HTTP/1.1 request has come whole, between two of them, and until 64 KiB of an answer are taken. */
  readonly http1TimeoutMs: number;
}

export const grpcLimitDefaults: GrpcLimits = {
  ...http2LimitDefaults,
  connectionsMax: 10_000,
  requestsInFlightMax: 16_384,
  streamingCallsMax: 65_536,
  pagesInFlightMax: 64,
  requestSizeBytesMax: 4 * mebibyte,
  responseSizeBytesMax: 64 * mebibyte,
  compressionsMax: 2,
  compressedSizeBytesMin: 1024,
  http1HeaderSizeBytesMax: 16 * 1024,
  http1TimeoutMs: 30_000,
};

export function requestTooLarge(what: string, limit: number): KvorumError {
  return pastLimit('REQUEST_TOO_LARGE', what, limit, 'requestSizeBytesMax');
}

export function limitExceeded(name: keyof GrpcLimits, what: string, limit: number): KvorumError {
  return pastLimit('LIMIT_EXCEEDED', what, limit, name);
}
