import { parseHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';

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

/** @throws KvorumError INVALID_REQUEST */
export function parseEndpoints(given: readonly string[] | string): readonly string[] {
  const listed = typeof given === 'string' ? given.split(',') : given;
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
export function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= timeoutMsMax) return timeoutMs;
  throw new KvorumError(
    'INVALID_REQUEST',
    `timeoutMs must be a number of milliseconds from 1 to ${timeoutMsMax}, not ${timeoutMs}`,
  );
}

/** @throws KvorumError INVALID_REQUEST */
export function checkTries(tries = Infinity): number {
  if (tries === Infinity || (Number.isSafeInteger(tries) && tries >= 1)) return tries;
  throw new KvorumError('INVALID_REQUEST', `connectTriesMax must be a positive whole number, not ${tries}`);
}

/** @throws KvorumError INVALID_REQUEST */
export function checkExpectedRevision(modRevision: number): number {
  if (Number.isSafeInteger(modRevision) && modRevision >= 0) return modRevision;
  throw new KvorumError(
    'INVALID_REQUEST',
    `expectedModRevision must be a revision, or 0 for no such key, not ${modRevision}`,
  );
}

/** @throws KvorumError INVALID_REQUEST */
export function makeClientLimits(given: Partial<ClientLimits> = {}): ClientLimits {
  const limits = { ...clientLimitDefaults, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new KvorumError('INVALID_REQUEST', `${name} must be a positive whole number, not ${value}`);
    }
  }
  return limits;
}
