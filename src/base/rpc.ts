import type { Completion } from './completion.js';
import type { Metadata, ReadonlyMetadata } from './metadata.js';

/**
 * The shape of a service, apart from what carries it: services are written against these types, never
 * against a transport's classes.
 */
export interface CallContext extends AnswerRoom {
  /** Aborted when the caller cancels, its deadline passes or its connection is lost. */
  readonly signal: AbortSignal;
  /** Milliseconds that a handler may wait, see handlerTimeoutMs; undefined without a deadline. */
  readonly timeoutMs: number | undefined;
  /** The same object for all calls of one connection: for taking turns. */
  readonly connection: object;
  /** What the caller sent beside its messages. */
  readonly metadata: ReadonlyMetadata;
  /** Sent before the first response message; what is added later is not sent. */
  readonly responseMetadata: Metadata;
  /** Sent behind the last response message, also when the call ends with an error. */
  readonly trailers: Metadata;
}

/** For answers that may be large: they are made only while there is room for them. */
export interface AnswerRoom {
  /** Why the call is over although it has no answer: nobody waits for one. Undefined while somebody does. */
  readonly cutShort: Error | undefined;
  /** Undefined: there is room now. Rejects with the signal's reason when the call is over before there is. */
  room(): Promise<void> | undefined;
  /** So many more bytes have been gathered for the answer, and are kept until it is given. */
  gathered(sizeBytes: number): void;
}

/** Makes the response to a call, when there is room for it. */
export interface AnswerMaker {
  /**
   * @returns undefined: it takes a while, and a method of the completion is called again
   * @throws KvorumError, StatusError what the call is answered with instead
   */
  makeAnswer(): Uint8Array | undefined;
}

/** Takes the response of a unary call. One of its methods is called, once; see AnswerMaker. */
export interface UnaryCompletion extends Completion<Uint8Array> {
  /** Has the response made at once, or later, when the caller takes what it has asked for before. */
  resolveWith(maker: AnswerMaker): void;
}

/** What a handler needs that only waits. */
export type CallTime = Pick<CallContext, 'signal' | 'timeoutMs'>;

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

/** Response messages on their way out. */
export interface ResponseWriter<Response> {
  /**
   * Sends a message when the caller and the connection take it; once the call is over, drops it.
   *
   * @returns false if the caller is slow: wait for `ready()` before the next message
   */
  write(response: Response): boolean;
  /** Sends the response metadata now, without waiting for the first message. */
  start(): void;
  /** Resolves when there is room for more. Rejects with the signal's reason when the call is over. */
  ready(): Promise<void>;
}

/** How the messages of a method are read and written. */
interface Codec<Request, Response> {
  readonly name: string;
  /** Throws KvorumError (INVALID_REQUEST) or StatusError on bytes that are no such message. */
  decodeRequest(bytes: Uint8Array): Request;
  encodeResponse(response: Response): Uint8Array;
}

export type UnaryHandler<Request, Response> = (
  request: Request,
  context: CallContext,
) => Promise<Response> | Response;

/** Many responses: an async generator, or a function that writes and resolves when it has written all. */
type Streaming<Input, Response> =
  | { readonly handle: (input: Input, context: CallContext) => AsyncIterable<Response> }
  | { readonly write: (input: Input, out: ResponseWriter<Response>, context: CallContext) => Promise<void> };

/** One unary method: how its messages are read and written, and what answers. */
export interface UnaryMethod<Request, Response> extends Codec<Request, Response> {
  readonly kind: 'unary';
  readonly handle: UnaryHandler<Request, Response>;
}

export interface ClientStreamMethod<Request, Response> extends Codec<Request, Response> {
  readonly kind: 'client-stream';
  readonly handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>;
}

export type ServerStreamMethod<Request, Response> = Codec<Request, Response> &
  Streaming<Request, Response> & { readonly kind: 'server-stream' };

export type BidiStreamMethod<Request, Response> = Codec<Request, Response> &
  Streaming<AsyncIterable<Request>, Response> & { readonly kind: 'bidi-stream' };

/**
 * Methods with their message types closed over, so that methods of all kinds stand in one list. A call throws
 * or rejects with KvorumError or StatusError, or with an error that is a bug (INTERNAL).
 */
export type BoundMethod = BoundUnaryMethod | BoundStreamMethod;

export interface BoundUnaryMethod {
  readonly kind: 'unary';
  readonly name: string;
  /** Part of the limit on running calls is kept for it: a server full of waiting calls still answers it. */
  readonly reserved?: boolean;
  /**
   * The request is good until the call ends and must not be changed; the response is the transport's then.
   *
   * @returns undefined if the response comes by `completion`
   */
  call(
    request: Uint8Array,
    context: CallContext,
    completion: UnaryCompletion,
  ): Promise<Uint8Array> | Uint8Array | undefined;
}

export interface BoundStreamMethod {
  readonly kind: 'server-stream' | 'client-stream' | 'bidi-stream';
  readonly name: string;
  /** The call ends when the promise settles. With `server-stream` there is exactly one request. */
  call(
    requests: AsyncIterable<Uint8Array>,
    responses: ResponseWriter<Uint8Array>,
    context: CallContext,
  ): Promise<void>;
}

export interface Service {
  /** Full name with package, for example `proto.KeyValueStore`. */
  readonly name: string;
  readonly methods: readonly BoundMethod[];
}

/** A handler that answers without waiting keeps the whole call free of promises. */
export function unary<Request, Response>(method: UnaryMethod<Request, Response>): BoundUnaryMethod {
  const encode = (response: Response): Uint8Array => method.encodeResponse(response);
  return {
    kind: method.kind,
    name: method.name,
    call(request, context) {
      const response = method.handle(method.decodeRequest(request), context);
      return response instanceof Promise ? response.then(encode) : encode(response);
    },
  };
}

/** The same method, with room kept for it. */
export function reserved(method: BoundUnaryMethod): BoundUnaryMethod {
  return { ...method, reserved: true };
}

export function clientStream<Request, Response>(
  method: ClientStreamMethod<Request, Response>,
): BoundStreamMethod {
  return {
    kind: method.kind,
    name: method.name,
    async call(requests, responses, context) {
      responses.write(method.encodeResponse(await method.handle(decoded(requests, method), context)));
    },
  };
}

export function serverStream<Request, Response>(
  method: ServerStreamMethod<Request, Response>,
): BoundStreamMethod {
  return {
    kind: method.kind,
    name: method.name,
    async call(requests, responses, context) {
      for await (const bytes of requests) {
        await stream(method, method.decodeRequest(bytes), responses, context);
      }
    },
  };
}

export function bidiStream<Request, Response>(
  method: BidiStreamMethod<Request, Response>,
): BoundStreamMethod {
  return {
    kind: method.kind,
    name: method.name,
    call: (requests, responses, context) => stream(method, decoded(requests, method), responses, context),
  };
}

async function* decoded<Request>(
  requests: AsyncIterable<Uint8Array>,
  codec: Pick<Codec<Request, unknown>, 'decodeRequest'>,
): AsyncGenerator<Request, void> {
  for await (const bytes of requests) yield codec.decodeRequest(bytes);
}

async function stream<Input, Response>(
  method: Pick<Codec<unknown, Response>, 'encodeResponse'> & Streaming<Input, Response>,
  input: Input,
  responses: ResponseWriter<Uint8Array>,
  context: CallContext,
): Promise<void> {
  if ('write' in method) {
    const out: ResponseWriter<Response> = {
      write: (response) => responses.write(method.encodeResponse(response)),
      start: () => responses.start(),
      ready: () => responses.ready(),
    };
    await method.write(input, out, context);
    return;
  }
  for await (const response of method.handle(input, context)) {
    if (!responses.write(method.encodeResponse(response))) await responses.ready();
  }
}
