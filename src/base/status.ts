/** gRPC's status codes by name. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusName = keyof typeof statusCodes;

/** How a call ended, as its caller is told. */
export interface CallStatus {
  readonly status: StatusName;
  readonly message: string;
  /** A `google.rpc.Status` message, for clients that look for details. */
  readonly details?: Uint8Array | undefined;
}

/** Thrown by a handler to end its call with a status of its own choice, rather than with one of KvorumError's. */
export class StatusError extends Error implements CallStatus {
  override readonly name = 'StatusError';
  readonly status: StatusName;
  readonly details: Uint8Array | undefined;

  /** @param details a `google.rpc.Status` message */
  constructor(status: StatusName, message: string, details?: Uint8Array) {
    super(message);
    this.status = status;
    this.details = details;
  }
}
