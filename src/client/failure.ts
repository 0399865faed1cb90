import {
  errorCodeKey,
  errorCodes,
  KvorumError,
  outcomeKey,
  pastLimit,
  type ErrorCode,
} from '../base/errors.js';
import { statusCodes } from '../base/status.js';
import { WrongServerError } from './wrong-server.js';

export type Outcome = KvorumError['outcome'];

/** Why one attempt at one server ended without an answer, and what that allows. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly error: KvorumError;
  /** What became of a write in this attempt. */
  readonly outcome: Outcome;
  /** Another server, or this one a little later, may do better. */
  readonly elsewhere: boolean;
  /** The response was larger than this client takes. */
  readonly responseTooLarge: boolean;

  constructor(
    error: KvorumError,
    outcome: Outcome = error.outcome,
    elsewhere = isServersState(error.code),
    responseTooLarge = false,
  ) {
    super(error.message);
    this.error = error;
    this.outcome = outcome;
    this.elsewhere = elsewhere;
    this.responseTooLarge = responseTooLarge;
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
    case 'WRONG_CLUSTER':
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

/** The caller's signal was aborted before anything was sent. */
export function cancelledUnsent(): CallFailure {
  const error = new KvorumError('CANCELLED', 'the caller cancelled before anything was sent');
  return new CallFailure(error, 'not-applied', false);
}

export function toErrorCode(text: string): ErrorCode {
  return Object.hasOwn(errorCodes, text) ? (text as ErrorCode) : 'INTERNAL';
}

/** Fields of a response's head or end. */
type Fields = Readonly<Record<string, string | readonly string[] | number | undefined>>;

/** How a call ended that the server has ended itself. @returns undefined: well */
export function ending(fields: Fields, endpoint: string): CallFailure | undefined {
  const status = Number(fields['grpc-status']);
  if (status === statusCodes.OK) return undefined;
  const message = decodedMessage(textOf(fields['grpc-message']));
  const told = textOf(fields[errorCodeKey]);
  if (told === undefined) return notTold(status, message, endpoint);
  const outcome = fields[outcomeKey] === 'not-applied' ? 'not-applied' : 'unknown';
  const code = toErrorCode(told);
  const said = code === 'WRONG_CLUSTER' ? `${endpoint}: ${message}` : message;
  return new CallFailure(new KvorumError(code, said), outcome);
}

function textOf(field: Fields[string]): string | undefined {
  return typeof field === 'string' ? field : undefined;
}

/** Percent-encoded UTF-8; what is not is taken as it is. */
function decodedMessage(field = ''): string {
  try {
    return decodeURIComponent(field);
  } catch {
    return field;
  }
}

/** The status is not of a member's making: of its gRPC, or of something between us and it. */
function notTold(status: number, message: string, endpoint: string): CallFailure {
  switch (status) {
    case statusCodes.CANCELLED:
    case statusCodes.UNAVAILABLE:
      return lost(endpoint, 'unknown');
    case statusCodes.UNIMPLEMENTED:
      return notServed(endpoint, message);
    case statusCodes.RESOURCE_EXHAUSTED:
      return new CallFailure(new KvorumError('LIMIT_EXCEEDED', message), 'unknown', false);
    case statusCodes.DEADLINE_EXCEEDED:
      return timedOut(endpoint);
    default:
      return new CallFailure(new KvorumError('INTERNAL', `${endpoint}: ${message}`));
  }
}

function notServed(endpoint: string, why: string): CallFailure {
  const cause = new WrongServerError(
    endpoint,
    `no Kvorum server listens there: it does not serve this call (${why})`,
  );
  const message = `${endpoint} does not serve this call: is it a Kvorum server? (${why})`;
  return new CallFailure(new KvorumError('INVALID_REQUEST', message, { cause }));
}

/** The connection or the call's stream ended before its answer. */
export function lost(endpoint: string, outcome: Outcome): CallFailure {
  return new CallFailure(
    new KvorumError('SERVER_UNREACHABLE', `the connection to ${endpoint} was lost`),
    outcome,
  );
}

export function timedOut(endpoint: string): CallFailure {
  return new CallFailure(new KvorumError('DEADLINE_EXCEEDED', `no answer of ${endpoint} in time`));
}

/** The server asked for less. */
export function noRoom(endpoint: string): CallFailure {
  const error = new KvorumError('LIMIT_EXCEEDED', `${endpoint} refused the call: it has no room for more`);
  return new CallFailure(error, 'unknown', false);
}

export function tooLong(sizeBytes: number, sizeBytesMax: number): CallFailure {
  const error = pastLimit(
    'LIMIT_EXCEEDED',
    `the response is ${sizeBytes} bytes long`,
    sizeBytesMax,
    'responseSizeBytesMax',
  );
  return new CallFailure(error, 'unknown', false, true);
}

export function wrongMessage(endpoint: string, why: string): CallFailure {
  return new CallFailure(new KvorumError('INTERNAL', `${endpoint}: ${why}`));
}

/** It speaks HTTP/2, but does not answer as gRPC does (gRPC's http-grpc-status-mapping.md). */
export function httpFailure(endpoint: string, what: string, httpStatus = 0): CallFailure {
  if ([429, 502, 503, 504].includes(httpStatus)) return lost(endpoint, 'unknown');
  if (httpStatus === 404) return notServed(endpoint, what);
  const message = `${endpoint}: no answer of gRPC, but ${what}: is it a Kvorum server?`;
  // What fails may stand before one.
  const cause =
    httpStatus >= 500
      ? undefined
      : new WrongServerError(endpoint, `no Kvorum server listens there: it answers with ${what}`);
  return new CallFailure(new KvorumError('INTERNAL', message, { cause }));
}
