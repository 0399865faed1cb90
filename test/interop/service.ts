import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BytesValueSchema } from '@bufbuild/protobuf/wkt';
import {
  bidiStream,
  clientStream,
  serverStream,
  unary,
  type CallContext,
  type Service,
} from '../../src/base/rpc.js';
import { StatusError } from '../../src/base/status.js';
import { GrpcServer } from '../../src/grpc/index.js';
import { tlsIdentity } from '../../src/grpc/testing/tls-identity.js';

const mebibyte = 1024 * 1024;

/** Messages are `google.protobuf.BytesValue`, which every client library knows. */
export function encode(value: Uint8Array): Uint8Array {
  return toBinary(BytesValueSchema, create(BytesValueSchema, { value }));
}

export function decode(bytes: Uint8Array): Uint8Array {
  return fromBinary(BytesValueSchema, bytes).value;
}

/** How often `Repeat` sends its request. */
export const repeats = 3;

/** A call of `Wait` that has reached its handler. */
interface Waiting {
  /** Why it was aborted. */
  readonly aborted: Promise<Error>;
}

/** One method of each kind, one that fails, and one that waits until it is aborted. */
function interopService(waiting: (call: Waiting) => void): Service {
  const codec = { decodeRequest: decode, encodeResponse: encode };
  return {
    name: 'interop.Test',
    methods: [
      unary({ kind: 'unary', name: 'Echo', ...codec, handle: (request) => request }),
      clientStream({
        kind: 'client-stream',
        name: 'Join',
        ...codec,
        handle: async (requests) => {
          const parts: Uint8Array[] = [];
          for await (const request of requests) parts.push(request);
          return Buffer.concat(parts);
        },
      }),
      serverStream({ kind: 'server-stream', name: 'Repeat', ...codec, handle: repeat }),
      bidiStream({ kind: 'bidi-stream', name: 'Chat', ...codec, handle: (requests) => requests }),
      unary({ kind: 'unary', name: 'Fail', ...codec, handle: fail }),
      unary({
        kind: 'unary',
        name: 'Wait',
        ...codec,
        handle: async (_request, { signal }) => {
          const aborted = new Promise<Error>((resolve) =>
            signal.addEventListener('abort', () => resolve(signal.reason as Error)),
          );
          waiting({ aborted });
          throw await aborted;
        },
      }),
    ],
  };
}

async function* repeat(request: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < repeats; count++) yield await Promise.resolve(request);
}

function fail(_request: Uint8Array, context: CallContext): never {
  context.trailers.add('x-why', 'as asked').add('x-why-bin', Uint8Array.of(0, 255));
  throw new StatusError('FAILED_PRECONDITION', 'so nicht: 50 % ü');
}

export interface Served {
  readonly port: number;
  /** With TLS, who the server says it is. */
  readonly ca: string | undefined;
  /** The next call of `Wait`. */
  nextWaiting(): Promise<Waiting>;
  close(): Promise<void>;
}

/** Serves `interop.Test`, what else is given, and pages that say what was asked for, on a free port of 127.0.0.1. */
export async function serveInterop(options: {
  readonly tls: boolean;
  readonly services?: readonly Service[];
}): Promise<Served> {
  const awaiting: ((call: Waiting) => void)[] = [];
  const server = new GrpcServer({
    services: [interopService((call) => awaiting.shift()?.(call)), ...(options.services ?? [])],
    limits: { requestSizeBytesMax: 8 * mebibyte },
    http1: ({ method, url }, response) => response.end(`${method} ${url}`),
    ...(options.tls ? { tls: tlsIdentity } : {}),
  });
  const port = await server.listen('127.0.0.1', 0);
  return {
    port,
    ca: options.tls ? tlsIdentity.cert : undefined,
    nextWaiting: () => new Promise((resolve) => awaiting.push(resolve)),
    close: () => server.closeGracefully(0),
  };
}
