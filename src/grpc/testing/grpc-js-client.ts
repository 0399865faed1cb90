import { once } from 'node:events';
import type { TestContext } from 'node:test';
import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const identity = (bytes: Buffer): Buffer => bytes;

export interface Answer {
  readonly message: Buffer | undefined;
  readonly error: ServiceError | undefined;
  readonly metadata: Metadata | undefined;
  readonly trailers: Metadata;
}

interface AskOptions extends CallOptions {
  readonly metadata?: Metadata;
  readonly signal?: AbortSignal;
}

/** A grpc-js client of `test.Echo` that knows no messages: bytes in, bytes out. */
export class GrpcJsClient {
  readonly #client: Client;

  constructor(
    t: TestContext,
    port: number,
    options: { readonly credentials?: ChannelCredentials; readonly channel?: object } = {},
  ) {
    this.#client = new Client(`localhost:${port}`, options.credentials ?? credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      ...options.channel,
    });
    t.after(() => this.#client.close());
  }

  ask(method: string, request: Uint8Array, options: AskOptions = {}): Promise<Answer> {
    const { metadata = new Metadata(), signal, ...callOptions } = options;
    return new Promise((resolve) => {
      let message: Buffer | undefined;
      let error: ServiceError | undefined;
      let first: Metadata | undefined;
      const call = this.#client.makeUnaryRequest(
        path(method),
        toBuffer,
        identity,
        request,
        metadata,
        callOptions,
        (failed, response) => {
          error = failed ?? undefined;
          message = response;
        },
      );
      signal?.addEventListener('abort', () => call.cancel());
      call.on('metadata', (received: Metadata) => (first = received));
      call.on('status', ({ metadata: trailers }) =>
        setImmediate(() => resolve({ message, error, metadata: first, trailers })),
      );
    });
  }

  readable(method: string, request: Uint8Array, options: CallOptions = {}): ClientReadableStream<Buffer> {
    return this.#client.makeServerStreamRequest(path(method), toBuffer, identity, request, options);
  }

  duplex(method: string, options: CallOptions = {}): ClientDuplexStream<Uint8Array, Buffer> {
    return this.#client.makeBidiStreamRequest(path(method), toBuffer, identity, options);
  }

  /** Sends all and gives the one answer. */
  async join(method: string, requests: readonly Uint8Array[]): Promise<Buffer> {
    const { promise, stream } = this.writable(method);
    for (const request of requests) if (!stream.write(request)) await once(stream, 'drain');
    stream.end();
    return promise;
  }

  writable(method: string): { promise: Promise<Buffer>; stream: ClientWritableStream<Uint8Array> } {
    let stream: ClientWritableStream<Uint8Array> | undefined;
    const promise = new Promise<Buffer>((resolve, reject) => {
      stream = this.#client.makeClientStreamRequest(path(method), toBuffer, identity, (error, response) => {
        if (error === null) resolve(response!);
        else reject(error);
      });
    });
    return { promise, stream: stream! };
  }
}

function path(method: string): string {
  return `/test.Echo/${method}`;
}

/** All messages of a stream; rejects with its error. */
export async function collect(stream: ClientReadableStream<Buffer>): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  for await (const message of stream) messages.push(message as Buffer);
  return messages;
}
