import type { Log } from '../base/log.js';
import type { CallStatus } from '../base/status.js';
import type { Metadata } from '../base/metadata.js';
import type { Compression } from './compression.js';
import type { Deadlines } from './deadlines.js';
import type { Interruptions } from './interruptions.js';
import type { GrpcLimits } from './limits.js';
import type { Shares } from './shares.js';

/** What all calls of a server share. */
export interface CallServices {
  readonly limits: GrpcLimits;
  readonly deadlines: Deadlines;
  readonly compression: Compression;
  readonly interruptions: Interruptions;
  readonly log: Log;
  readonly running: RunningCalls;
  readonly shares: Shares;
  /** A frozen header list that begins each answer. */
  readonly responseFields: readonly string[];
  /** As of GrpcServerOptions. */
  readonly objection: ((fields: ReadonlyMap<string, string>) => Error | undefined) | undefined;
  /** What the caller is told of what a handler threw; may add trailers. Undefined for an error that is a bug. */
  statusOf(error: unknown, trailers: () => Metadata): CallStatus | undefined;
}

/** How many calls are being worked on. */
export interface RunningCalls {
  unary: number;
  streaming: number;
  /** Requests over HTTP/2 that are no gRPC. */
  pages: number;
}
