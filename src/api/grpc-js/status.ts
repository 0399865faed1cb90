import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { errorCodes, KvorumError, type ErrorCode } from '../../base/errors.js';
import type { Log } from '../../base/log.js';

/** Trailing metadata of every error that Kvorum makes. */
const errorCodeKey = 'kvorum-error';
const outcomeKey = 'kvorum-outcome';

const trailers = new Map<ErrorCode, Metadata>();
for (const [code, { outcome }] of Object.entries(errorCodes)) {
  const metadata = new Metadata();
  metadata.set(errorCodeKey, code);
  metadata.set(outcomeKey, outcome);
  trailers.set(code as ErrorCode, metadata);
}

/** Messages travel percent-encoded in a header, and clients limit headers to some KiB. */
const messageLengthMax = 512;

function headerSafe(message: string): string {
  const short = message.length <= messageLengthMax ? message : `${message.slice(0, messageLengthMax)}...`;
  // grpc-js passes it to encodeURI, which throws on these.
  return short.replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** What the caller is told. An error that is a bug is logged, and told as INTERNAL without its inside. */
export function toStatus(error: unknown, method: string, log: Log): StatusObject {
  if (error instanceof KvorumError) {
    const code = status[error.grpcStatus];
    return { code, details: headerSafe(error.message), metadata: trailers.get(error.code)! };
  }
  log.error({ err: error, method }, 'a request failed for a reason that is a bug');
  return { code: status.INTERNAL, details: 'internal error', metadata: trailers.get('INTERNAL')! };
}
