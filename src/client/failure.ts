import { status, type ServiceError } from '@grpc/grpc-js';
import { errorCodeKey, errorCodes, KvorumError, outcomeKey, type ErrorCode } from '../base/errors.js';

export type Outcome = KvorumError['outcome'];

/** Why one attempt at one server ended without an answer, and what that allows. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly error: KvorumError;
  /** What became of a write in this attempt. */
  readonly outcome: Outcome;
  /** Another server, or this one a little later, may do better. */
  readonly elsewhere: boolean;

  constructor(error: KvorumError, outcome: Outcome = error.outcome, elsewhere = isServersState(error.code)) {
    super(error.message);
    this.error = error;
    this.outcome = outcome;
    this.elsewhere = elsewhere;
  }

  /** A read may always be tried again, a write only when it is certain that it did nothing. */
  mayRetry(isWrite: boolean): boolean {
    return this.elsewhere && (!isWrite || this.outcome === 'not-applied');
  }

  /** What the caller is told when there is no further attempt. */
  toError(isWrite: boolean): KvorumError {
    return isWrite && this.outcome === 'unknown' ? outcomeUnknown(this.error) : this.error;
  }
}

/** Codes that speak of the server's state, not of the request. */
export function isServersState(code: ErrorCode): boolean {
  switch (code) {
    case 'NO_LEADER':
    case 'MEMBER_STOPPING':
    case 'MEMBER_REMOVED':
    case 'SERVER_UNREACHABLE':
    case 'STORAGE_FAILED':
    case 'DATA_DAMAGED':
    case 'OUTCOME_UNKNOWN':
    case 'DEADLINE_EXCEEDED':
    case 'CANCELLED':
      return true;
    default:
      return false;
  }
}

/** A write that may have taken effect is always told as OUTCOME_UNKNOWN. */
export function outcomeUnknown(cause: KvorumError): KvorumError {
  if (cause.code === 'OUTCOME_UNKNOWN') return cause;
  const message = `the write may or may not have taken effect: ${cause.message}`;
  return new KvorumError('OUTCOME_UNKNOWN', message, { cause });
}

export function toErrorCode(text: string): ErrorCode {
  return Object.hasOwn(errorCodes, text) ? (text as ErrorCode) : 'INTERNAL';
}

/** Reads what grpc-js rejects a call with. */
export function fromServiceError(error: ServiceError, endpoint: string): CallFailure {
  const told = error.metadata.get(errorCodeKey)[0];
  if (typeof told === 'string') {
    const code = toErrorCode(told);
    const outcome = error.metadata.get(outcomeKey)[0] === 'not-applied' ? 'not-applied' : 'unknown';
    return new CallFailure(new KvorumError(code, error.details, { cause: error }), outcome);
  }
  return notTold(error, endpoint);
}

/**
 * How grpc-js says that no handler saw the request: the server went away and refused the stream (RFC 9113 section
 * 8.7), or did so and could not be connected to again. It sends nothing a second time that may have been handled.
 */
const neverHandled = /^(No connection established|Stream refused by server)/;
/** How grpc-js tells, with INTERNAL, of a stream that ended before its answer: its connection was closed. */
const streamEnded = /^Received RST_STREAM/;

/** The error is grpc-js's own, or of something between us and a member. */
function notTold(error: ServiceError, endpoint: string): CallFailure {
  const because = (code: ErrorCode, message: string): KvorumError =>
    new KvorumError(code, message, { cause: error });
  const lost =
    error.code === status.CANCELLED ||
    error.code === status.UNAVAILABLE ||
    (error.code === status.INTERNAL && streamEnded.test(error.details));
  if (lost) {
    const outcome = neverHandled.test(error.details) ? 'not-applied' : 'unknown';
    return new CallFailure(because('SERVER_UNREACHABLE', `the connection to ${endpoint} was lost`), outcome);
  }
  switch (error.code) {
    case status.UNIMPLEMENTED:
      return new CallFailure(
        because(
          'INVALID_REQUEST',
          `${endpoint} does not serve this call: is it a Kvorum server? (${error.details})`,
        ),
      );
    case status.RESOURCE_EXHAUSTED:
      return new CallFailure(because('LIMIT_EXCEEDED', error.details), 'unknown');
    case status.DEADLINE_EXCEEDED:
      return new CallFailure(because('DEADLINE_EXCEEDED', `no answer of ${endpoint} in time`));
    default:
      return new CallFailure(because('INTERNAL', `${endpoint}: ${error.details}`));
  }
}
