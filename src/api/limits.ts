import { KvorumError, pastLimit } from '../base/errors.js';
import { sliceUnits } from '../base/work.js';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What a member accepts from clients. Past a limit the one request is refused and the rest is served. */
export interface ApiLimits {
  /** Of one key; at most 64 KiB, what the storage holds. INVALID_KEY past it. */
  readonly keySizeBytesMax: number;
  /** Of one value; at most 8 MiB. INVALID_VALUE past it. */
  readonly valueSizeBytesMax: number;
  /** Of one request message, unpacked. */
  readonly requestSizeBytesMax: number;
  /** Keys and values in one response; the message around them comes on top. */
  readonly responseSizeBytesMax: number;
  /** Requests being worked on, over all connections. */
  readonly requestsInFlightMax: number;
  /** Operations in one Batch. */
  readonly batchOperationsMax: number;
  /** Pairs in one page of Range; asking for more is no error, the page just ends here. */
  readonly rangePairsMax: number;
  /** Work of one page of Range (base/work.ts); the page ends there, and says where the next one begins. */
  readonly rangeUnitsMax: number;
  /** Open connections; one more is closed at once. */
  readonly connectionsMax: number;
  /** Of what clients make the member hold: streams, requests, answers. */
  readonly memoryBytesMax: number;
  /** Calls open on one connection; clients wait with the next one (HTTP/2 SETTINGS). */
  readonly streamsPerConnectionMax: number;
}

const keySizeBytesCeiling = 64 * kibibyte;
const valueSizeBytesCeiling = 8 * mebibyte;
/** What a request with one key and one value needs besides them. */
const requestOverheadBytes = kibibyte;

/**
 * Fills in the defaults. Sizes of requests and responses grow with the value's unless they are given.
 * A response stays below the 4 MiB that gRPC clients accept by default, for values up to 1.5 MiB.
 *
 * @throws KvorumError INVALID_REQUEST for limits that contradict each other
 */
export function makeApiLimits(given: Partial<ApiLimits> = {}): ApiLimits {
  const keySizeBytesMax = given.keySizeBytesMax ?? keySizeBytesCeiling;
  const valueSizeBytesMax = given.valueSizeBytesMax ?? 1.5 * mebibyte;
  const pairSizeBytesMax = keySizeBytesMax + valueSizeBytesMax;
  const limits: ApiLimits = {
    requestSizeBytesMax: Math.max(4 * mebibyte, pairSizeBytesMax + requestOverheadBytes),
    responseSizeBytesMax: Math.max(3 * mebibyte, pairSizeBytesMax),
    requestsInFlightMax: 16_384,
    batchOperationsMax: 4096,
    rangePairsMax: 1000,
    rangeUnitsMax: 80 * sliceUnits,
    connectionsMax: 10_000,
    memoryBytesMax: 512 * mebibyte,
    streamsPerConnectionMax: 4096,
    ...given,
    keySizeBytesMax,
    valueSizeBytesMax,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new KvorumError('INVALID_REQUEST', `${name} must be a positive whole number, not ${value}`);
    }
  }
  atMost('keySizeBytesMax', keySizeBytesMax, keySizeBytesCeiling);
  atMost('valueSizeBytesMax', valueSizeBytesMax, valueSizeBytesCeiling);
  atMost('a largest key and value', pairSizeBytesMax, limits.responseSizeBytesMax);
  atMost('a largest key and value', pairSizeBytesMax + requestOverheadBytes, limits.requestSizeBytesMax);
  return limits;
}

function atMost(name: string, sizeBytes: number, ceilingBytes: number): void {
  if (sizeBytes <= ceilingBytes) return;
  throw new KvorumError('INVALID_REQUEST', `${name}: ${sizeBytes} bytes are more than ${ceilingBytes}`);
}

/** The error for a request past a limit that is not a rule for keys or values. */
export function limitExceeded(name: keyof ApiLimits, what: string, limit: number): KvorumError {
  return pastLimit('LIMIT_EXCEEDED', what, limit, name);
}
