import { BinaryReader, type BinaryWriter } from '@bufbuild/protobuf/wire';
import { KvorumError } from '../base/errors.js';
import { attemptTimeoutMs, retryTimeMsMin } from './attempt-time.js';
import type { Connection } from './connection.js';
import type { Endpoints } from './endpoints.js';
import { CallFailure } from './failure.js';
import type { MethodPath } from './unary-stream.js';

/** What ts-proto generates for a message type. */
export interface MessageType<T> {
  encode(message: T): BinaryWriter;
  decode(input: BinaryReader): T;
}

export interface UnaryMethod<Request, Response> {
  readonly path: MethodPath;
  readonly request: MessageType<Request>;
  readonly response: MessageType<Response>;
  /** Decides what may be tried again. */
  readonly isWrite: boolean;
}

export interface Wait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Calls one method, with failover. Rejects with KvorumError. */
export async function callUnary<Request, Response>(
  endpoints: Endpoints,
  method: UnaryMethod<Request, Response>,
  request: Request,
  { timeoutMs, signal }: Wait,
): Promise<Response> {
  const deadline = performance.now() + timeoutMs;
  const bytes = encodeRequest(method, request);
  for (;;) {
    let connection: Connection | undefined;
    try {
      connection = await endpoints.connected(deadline - performance.now(), signal);
      const attemptMs = attemptTimeoutMs(deadline - performance.now(), endpoints.count);
      const response = await connection.call(method.path, bytes, attemptMs, signal);
      endpoints.answered(connection);
      return decodeResponse(method.response, response);
    } catch (failure) {
      if (!(failure instanceof CallFailure)) throw failure;
      if (failure.elsewhere && connection !== undefined) endpoints.failed(connection, failure.error);
      const remainingMs = deadline - performance.now();
      const mayRetry = failure.mayRetry(method.isWrite) && !endpoints.isOtherCluster;
      if (!mayRetry || remainingMs < retryTimeMsMin) throw failure.toError(method.isWrite);
    }
  }
}

/** What a request holds has been checked, field by field; this is for what was forgotten. */
function encodeRequest<Request>(method: UnaryMethod<Request, unknown>, request: Request): Uint8Array {
  try {
    return method.request.encode(request).finish();
  } catch (cause) {
    throw new KvorumError('INVALID_REQUEST', 'the request cannot be written', { cause });
  }
}

/** @throws KvorumError INTERNAL on bytes that are no such message */
export function decodeResponse<T>(type: MessageType<T>, bytes: Uint8Array): T {
  try {
    return type.decode(new BinaryReader(bytes));
  } catch (cause) {
    throw new KvorumError('INTERNAL', "the server's answer cannot be read", { cause });
  }
}
