import { errorCodeKey, errorCodes, KvorumError, outcomeKey, type ErrorCode } from '../base/errors.js';
import type { Metadata } from '../base/metadata.js';
import { StatusError, type CallStatus } from '../base/status.js';

/** What the caller is told of an error. One that is a bug is told without its inside. */
export function errorStatus(error: unknown, trailers: () => Metadata): CallStatus | undefined {
  if (error instanceof StatusError) return error;
  const known = error instanceof KvorumError;
  const code: ErrorCode = known ? error.code : 'INTERNAL';
  const { grpc, outcome } = errorCodes[code];
  trailers().set(errorCodeKey, code).set(outcomeKey, outcome);
  return known ? { status: grpc, message: error.message } : undefined;
}
