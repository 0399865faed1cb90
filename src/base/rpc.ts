/**
 * The shape of a service, apart from what carries it: services are written against these types, never
 * against a transport's classes.
 */
export interface CallContext {
  /** Aborted when the caller cancels, its deadline passes or its connection is lost. */
  readonly signal: AbortSignal;
  /** Milliseconds that a handler may wait, see handlerTimeoutMs; undefined without a deadline. */
  readonly timeoutMs: number | undefined;
}

const answerTimeMsMax = 250;
const answerTimePart = 0.25;

/**
 * How long a handler may wait for a caller that waits `callerTimeoutMs`: a little less, so that the answer "no
 * leader, nothing was done" is there before the caller gives up and knows nothing.
 */
export function handlerTimeoutMs(callerTimeoutMs: number): number {
  const leftMs = Math.max(0, callerTimeoutMs);
  return leftMs - Math.min(answerTimeMsMax, leftMs * answerTimePart);
}

export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Promise<Response>;

/** One unary method: how its messages are read and written, and what answers. */
export interface UnaryMethod<Request, Response> {
  readonly kind: 'unary';
  readonly name: string;
  /** Throws KvorumError (INVALID_REQUEST) on bytes that are no such message. */
  decodeRequest(bytes: Uint8Array): Request;
  encodeResponse(response: Response): Uint8Array;
  readonly handle: UnaryHandler<Request, Response>;
}

/** A method with its message types closed over, so that methods of all kinds stand in one list. */
export interface BoundUnaryMethod {
  readonly kind: 'unary';
  readonly name: string;
  /** Rejects with KvorumError, or with an error that is a bug (INTERNAL). */
  call(request: Uint8Array, context: CallContext): Promise<Uint8Array>;
}

export interface Service {
  /** Full name with package, for example `proto.KeyValueStore`. */
  readonly name: string;
  readonly methods: readonly BoundUnaryMethod[];
}

export function unary<Request, Response>(method: UnaryMethod<Request, Response>): BoundUnaryMethod {
  return {
    kind: 'unary',
    name: method.name,
    async call(request, context) {
      return method.encodeResponse(await method.handle(method.decodeRequest(request), context));
    },
  };
}
