import { parseHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';
import { utf8SizeBytes } from './text.js';

export interface ClientOptions {
  /** `host:port` of one or more members' client ports; a string may name several, separated by commas. */
  readonly endpoints: readonly string[] | string;
  /** Milliseconds that a call may take in all, with every retry. Default 5000. */
  readonly timeoutMs?: number;
  /**
   * A call is rejected with SERVER_UNREACHABLE once it was tried so often in a row, in vain, to connect to each
   * server. Default: tried until the call's time is over.
   */
  readonly connectTriesMax?: number;
  readonly limits?: Partial<ClientLimits>;
}

/** Past the waiting limits a call is refused at once with LIMIT_EXCEEDED; the others only shape requests. */
export interface ClientLimits {
  /** Operations in one request. The server's own limit is 4096. */
  readonly operationsPerBatchMax: number;
  /** Keys and values in one request; one larger operation goes alone. The server's own limit is 4 MiB. */
  readonly batchSizeBytesMax: number;
  readonly batchesInFlightMax: number;
  /** Operations that have no answer yet, whether sent or not. */
  readonly operationsWaitingMax: number;
  /** Keys and values of these. */
  readonly waitingSizeBytesMax: number;
  /** One response. */
  readonly responseSizeBytesMax: number;
}

export const clientLimitDefaults: ClientLimits = {
  operationsPerBatchMax: 1024,
  batchSizeBytesMax: 1024 * 1024,
  batchesInFlightMax: 4,
  operationsWaitingMax: 65_536,
  waitingSizeBytesMax: 256 * 1024 * 1024,
  responseSizeBytesMax: 64 * 1024 * 1024,
};

export const clientTimeoutMsDefault = 5000;
const timeoutMsMax = 2 ** 31 - 1;
const endpointCountMax = 100;

/** How one call differs from the client's defaults. */
export interface CallOptions {
  /** Milliseconds that the call may take in all, with every retry. */
  readonly timeoutMs?: number;
  /** Ends the wait: with CANCELLED, or OUTCOME_UNKNOWN for a write that was sent already. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Takes the connected member's own, maybe older, state: no round of consensus, works without a quorum. */
  readonly serializable?: boolean;
}

/**
 * Callers without types give anything.
 *
 * @throws KvorumError INVALID_REQUEST
 */
export function parseEndpoints(given: unknown): readonly string[] {
  const listed: readonly unknown[] =
    typeof given === 'string' ? given.split(',') : Array.isArray(given) ? given : [given];
  if (!listed.every((endpoint) => typeof endpoint === 'string')) {
    throw invalid('endpoints must be one or more host:port, as a string or an array of strings');
  }
  const endpoints = [...new Set(listed.map((endpoint) => endpoint.trim()).filter((text) => text !== ''))];
  if (endpoints.length === 0) {
    throw new KvorumError('INVALID_REQUEST', 'endpoints must name at least one host:port');
  }
  if (endpoints.length > endpointCountMax) {
    throw new KvorumError(
      'INVALID_REQUEST',
      `endpoints are ${endpoints.length}, the limit is ${endpointCountMax}`,
    );
  }
  for (const endpoint of endpoints) parseHostPort('endpoint', endpoint);
  return endpoints;
}

/** @throws KvorumError INVALID_REQUEST */
export function checkTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= timeoutMsMax) return timeoutMs;
  const rule = `a number of milliseconds above 0 and up to ${timeoutMsMax}`;
  throw invalid(`timeoutMs must be ${rule}, not ${show(timeoutMs)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkObject(field: string, given: unknown): void {
  if (typeof given === 'object' && given !== null) return;
  throw invalid(`${field} must be an object, not ${show(given)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkReadOptions(options: ReadOptions): void {
  checkObject('options', options);
  const { timeoutMs, signal, serializable } = options;
  if (timeoutMs !== undefined) checkTimeout(timeoutMs);
  if (signal !== undefined) checkSignal(signal);
  if (serializable !== undefined) checkFlag('serializable', serializable);
}

function checkSignal(signal: unknown): void {
  // Not only Node's own: there are others, made before there was one.
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) {
    return;
  }
  throw invalid(`signal must be an AbortSignal, not ${show(signal)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkFlag(field: string, given: unknown): boolean {
  if (typeof given === 'boolean') return given;
  throw invalid(`${field} must be true or false, not ${show(given)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkText(field: string, given: unknown): string {
  if (typeof given === 'string') {
    utf8SizeBytes('INVALID_REQUEST', field, given);
    return given;
  }
  throw invalid(`${field} must be a string, not ${show(given)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkWholeNumber(field: string, given: unknown, max: number): number {
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= max) return given;
  throw invalid(`${field} must be a whole number from 0 to ${max}, not ${show(given)}`);
}

/**
 * @returns the id, which has 64 bits
 * @throws KvorumError INVALID_REQUEST
 */
export function checkId(field: string, given: unknown): bigint {
  if (typeof given === 'bigint' && given >= 0n && given < 2n ** 64n) return given;
  throw invalid(`${field} must be a bigint from 0n to 2n ** 64n - 1n, not ${show(given)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkLevel(field: string, given: unknown): number {
  return given === undefined ? 0 : checkPositive(field, given);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkTries(tries: unknown = Infinity): number {
  if (tries === Infinity) return tries;
  return checkPositive('connectTriesMax', tries);
}

function checkPositive(field: string, given: unknown): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 1) return given;
  throw invalid(`${field} must be a positive whole number, not ${show(given)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkExpectedRevision(modRevision: unknown): number {
  if (typeof modRevision === 'number' && Number.isSafeInteger(modRevision) && modRevision >= 0) {
    return modRevision;
  }
  throw invalid(`expectedModRevision must be a revision, or 0 for no such key, not ${show(modRevision)}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function makeClientLimits(given: Partial<ClientLimits> = {}): ClientLimits {
  checkObject('limits', given);
  const limits = { ...clientLimitDefaults, ...given };
  for (const [name, value] of Object.entries(limits)) checkPositive(name, value);
  return limits;
}

function invalid(message: string): KvorumError {
  return new KvorumError('INVALID_REQUEST', message);
}

const shownLengthMax = 100;

/** In a message: short, and without calling anything of what was given. */
function show(given: unknown): string {
  switch (typeof given) {
    case 'string':
      return JSON.stringify(given.slice(0, shownLengthMax));
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(given);
    case 'object':
      return given === null ? 'null' : 'an object';
    default:
      return `a ${typeof given}`;
  }
}
