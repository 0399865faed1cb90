/**
 * The one error model. Each code says which gRPC status it becomes and what the caller may conclude about a
 * write: `not-applied` is certain and safe to retry, `unknown` may or may not have taken effect.
 */
export const errorCodes = {
  INVALID_KEY: { grpc: 'INVALID_ARGUMENT', outcome: 'not-applied' },
  INVALID_VALUE: { grpc: 'INVALID_ARGUMENT', outcome: 'not-applied' },
  INVALID_REQUEST: { grpc: 'INVALID_ARGUMENT', outcome: 'not-applied' },
  KEY_NOT_FOUND: { grpc: 'NOT_FOUND', outcome: 'not-applied' },
  MEMBER_NOT_FOUND: { grpc: 'NOT_FOUND', outcome: 'not-applied' },
  MEMBER_NAME_TAKEN: { grpc: 'ALREADY_EXISTS', outcome: 'not-applied' },
  MEMBER_ADDRESS_TAKEN: { grpc: 'ALREADY_EXISTS', outcome: 'not-applied' },
  /** Another process with this member's identity was started later. */
  MEMBER_SUPERSEDED: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  MEMBER_REMOVED: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  /** A start or a join: this version of Kvorum does not know the formats that the cluster is at. */
  VERSION_MISMATCH: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  /** The cluster's feature level does not allow it yet. */
  FEATURE_NOT_ENABLED: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  WRONG_CLUSTER: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  QUORUM_WOULD_BE_LOST: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  NOT_A_VOTER: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  LEARNER_NOT_READY: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  REVISION_COMPACTED: { grpc: 'OUT_OF_RANGE', outcome: 'not-applied' },
  REVISION_IN_FUTURE: { grpc: 'OUT_OF_RANGE', outcome: 'not-applied' },
  LIMIT_EXCEEDED: { grpc: 'RESOURCE_EXHAUSTED', outcome: 'not-applied' },
  /** Unlike LIMIT_EXCEEDED it never passes: this request is too large for this server. */
  REQUEST_TOO_LARGE: { grpc: 'RESOURCE_EXHAUSTED', outcome: 'not-applied' },
  NO_LEADER: { grpc: 'UNAVAILABLE', outcome: 'not-applied' },
  MEMBER_STOPPING: { grpc: 'UNAVAILABLE', outcome: 'not-applied' },
  /** Made by the client: no server could be connected to, so nothing was sent. */
  SERVER_UNREACHABLE: { grpc: 'UNAVAILABLE', outcome: 'not-applied' },
  /** Made by the client: called after close(). */
  CLIENT_CLOSED: { grpc: 'CANCELLED', outcome: 'not-applied' },
  STORAGE_FAILED: { grpc: 'UNAVAILABLE', outcome: 'unknown' },
  OUTCOME_UNKNOWN: { grpc: 'UNKNOWN', outcome: 'unknown' },
  DEADLINE_EXCEEDED: { grpc: 'DEADLINE_EXCEEDED', outcome: 'unknown' },
  CANCELLED: { grpc: 'CANCELLED', outcome: 'unknown' },
  DATA_FOLDER_LOCKED: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  DATA_FOLDER_MISMATCH: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  DATA_FOLDER_UNUSABLE: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  ADDRESS_UNAVAILABLE: { grpc: 'FAILED_PRECONDITION', outcome: 'not-applied' },
  DATA_DAMAGED: { grpc: 'DATA_LOSS', outcome: 'unknown' },
  /** Of the log: a member that cannot apply it stops, rather than differ from the others. */
  ENTRY_NOT_APPLICABLE: { grpc: 'DATA_LOSS', outcome: 'unknown' },
  INTERNAL: { grpc: 'INTERNAL', outcome: 'unknown' },
} as const satisfies Record<string, { grpc: string; outcome: 'not-applied' | 'unknown' }>;

export type ErrorCode = keyof typeof errorCodes;
export type GrpcStatusName = (typeof errorCodes)[ErrorCode]['grpc'];

/** Trailing metadata with which a member says its error code, and what became of the write. */
export const errorCodeKey = 'kvorum-error';
export const outcomeKey = 'kvorum-outcome';

/** An operating error: expected, typed, safe to show to a caller. Bugs are InvariantError instead. */
export class KvorumError extends Error {
  override readonly name = 'KvorumError';
  readonly code: ErrorCode;

  /** @param message one line that names the field or limit and the rule */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get grpcStatus(): GrpcStatusName {
    return errorCodes[this.code].grpc;
  }

  /** What a caller may conclude about the write that failed. */
  get outcome(): 'not-applied' | 'unknown' {
    return errorCodes[this.code].outcome;
  }
}

/**
 * The error for what goes past a named limit.
 *
 * @param what there would be, for example `key is 70000 bytes long`
 * @param name of the limit
 */
export function pastLimit(code: ErrorCode, what: string, limit: number, name: string): KvorumError {
  return new KvorumError(code, `${what}, the limit is ${limit} (${name})`);
}

/** Whether what is on a disk turned out not to be what was written there. */
export function isDamage(error: unknown): error is KvorumError {
  return error instanceof KvorumError && error.code === 'DATA_DAMAGED';
}
