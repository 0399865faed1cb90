import type { Log } from '../base/log.js';
import type { CallStatus } from '../base/status.js';
import type { Metadata } from '../base/metadata.js';
import type { Compression } from './compression.js';
import type { Deadlines } from './deadlines.js';
import type { GrpcLimits } from './limits.js';

/** What all calls of a server share. */
export interface CallServices {
  readonly limits: GrpcLimits;
  readonly deadlines: Deadlines;
  readonly compression: Compression;
  readonly log: Log;
  readonly running: RunningCalls;
  /** What the caller is told of what a handler threw; may add trailers. Undefined for an error that is a bug. */
  statusOf(error: unknown, trailers: () => Metadata): CallStatus | undefined;
}

/** How many handlers are at work. */
export interface RunningCalls {
  unary: number;
  streaming: number;
}
