import type { TestContext } from 'node:test';
import { StatusError } from '../../base/status.js';
import type { BoundMethod, CallContext, ResponseWriter } from '../../base/rpc.js';
import { GrpcServer, type GrpcServerOptions } from '../server.js';

export interface Served {
  readonly server: GrpcServer;
  readonly port: number;
  /** Calls of `Hold` that wait now. */
  readonly held: HeldCalls;
}

/** Serves `test.Echo` on a free port of 127.0.0.1 until the test ends. */
export async function serveEcho(
  t: Pick<TestContext, 'after'>,
  options: Omit<GrpcServerOptions, 'services'> = {},
  methods: readonly BoundMethod[] = [],
): Promise<Served> {
  const held = new HeldCalls();
  const server = new GrpcServer({
    ...options,
    services: [{ name: 'test.Echo', methods: [...echoMethods(held), ...methods] }],
  });
  const port = await server.listen('127.0.0.1', 0);
  t.after(() => server.closeGracefully(0));
  return { server, port, held };
}

/** What is remembered of streams that were reset stays as long as their connections. */
const rememberedSizeBytesMax = 16 * 1024;

/** Resolves when all calls have let go of what they had in memory, those of bystanders between two of them. */
export async function nothingHeld(server: GrpcServer): Promise<void> {
  while (server.stats().heldBytes > rememberedSizeBytesMax)
    await new Promise((resolve) => setImmediate(resolve));
}

interface HeldCall {
  readonly context: CallContext;
  answer(): void;
}

/** Calls that wait until the test lets them go on. */
export class HeldCalls {
  readonly #calls = new Set<HeldCall>();
  #changed: (() => void)[] = [];

  get count(): number {
    return this.#calls.size;
  }

  get contexts(): readonly CallContext[] {
    return [...this.#calls].map(({ context }) => context);
  }

  async until(count: number): Promise<void> {
    while (this.#calls.size !== count) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  answerAll(): void {
    for (const call of this.#calls) call.answer();
  }

  /** Resolves when it is let go, rejects when the call is aborted. */
  hold(context: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = {
        context,
        answer: () => {
          this.#remove(call);
          resolve();
        },
      };
      this.#calls.add(call);
      context.signal.addEventListener('abort', () => {
        this.#remove(call);
        reject(context.signal.reason as Error);
      });
      this.#tell();
    });
  }

  #remove(call: HeldCall): void {
    this.#calls.delete(call);
    this.#tell();
  }

  #tell(): void {
    for (const changed of this.#changed.splice(0)) changed();
  }
}

/** Answers with the request: at once, later, when let go; with errors; with all kinds of streaming. */
export function echoMethods(held: HeldCalls): BoundMethod[] {
  return [
    { kind: 'unary', name: 'Echo', call: (request) => request },
    { kind: 'unary', name: 'Later', call: async (request) => Promise.resolve(request) },
    {
      kind: 'unary',
      name: 'Hold',
      call: async (request, context) => {
        await held.hold(context);
        return request;
      },
    },
    { kind: 'unary', name: 'Fail', call: failAsAsked },
    {
      // As many bytes as the request's four say.
      kind: 'unary',
      name: 'Sized',
      call: (request) => new Uint8Array(Buffer.from(request).readUInt32BE(0)),
    },
    {
      kind: 'client-stream',
      name: 'Join',
      async call(requests, responses) {
        const parts: Uint8Array[] = [];
        for await (const request of requests) parts.push(request);
        responses.write(Buffer.concat(parts));
      },
    },
    { kind: 'server-stream', name: 'Repeat', call: repeat },
    {
      kind: 'bidi-stream',
      name: 'EchoAll',
      async call(requests, responses) {
        for await (const request of requests) if (!responses.write(request)) await responses.ready();
      },
    },
    {
      // Takes nothing in.
      kind: 'bidi-stream',
      name: 'Ignore',
      async call(_requests, responses, context) {
        responses.start();
        await held.hold(context);
      },
    },
  ];
}

/** The request is the name of a status and a message. */
function failAsAsked(request: Uint8Array, context: CallContext): never {
  const [status, ...words] = Buffer.from(request).toString().split(' ');
  context.responseMetadata.add('x-first', 'is not lost');
  context.trailers.add('x-last', 'told').add('x-last-bin', Uint8Array.of(0, 255));
  throw new StatusError(status as StatusError['status'], words.join(' '), Uint8Array.of(8, 5));
}

/** The request's first four bytes say how often the rest is to be sent. */
async function repeat(
  requests: AsyncIterable<Uint8Array>,
  responses: ResponseWriter<Uint8Array>,
): Promise<void> {
  for await (const request of requests) {
    const times = Buffer.from(request).readUInt32BE(0);
    for (let count = 0; count < times; count++) {
      if (!responses.write(request.subarray(4))) await responses.ready();
    }
  }
}
