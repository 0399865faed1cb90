import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  BytesValueSchema,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  type BytesValue,
} from '@bufbuild/protobuf/wkt';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { CallError, interoperates, type InteropClient, type UnaryOptions } from './contract.js';
import type { Served } from './service.js';

/** What generated code would say of `interop.Test`. */
function describeService(): DescService {
  const value = '.google.protobuf.BytesValue';
  const method = (name: string, clientStreaming: boolean, serverStreaming: boolean): object => ({
    name,
    inputType: value,
    outputType: value,
    clientStreaming,
    serverStreaming,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'interop.proto',
    package: 'interop',
    syntax: 'proto3',
    dependency: [file_google_protobuf_wrappers.proto.name],
    service: [
      {
        name: 'Test',
        method: [
          ...['Echo', 'Fail', 'Wait'].map((name) => method(name, false, false)),
          method('Join', true, false),
          method('Repeat', false, true),
          method('Chat', true, true),
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_wrappers).getService('interop.Test')!;
}

const service = describeService();

type UnaryCall = (
  request: BytesValue,
  options: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined },
) => Promise<BytesValue>;

/** What the client of such a service has. */
interface Calls {
  readonly echo: UnaryCall;
  readonly fail: UnaryCall;
  readonly wait: UnaryCall;
  join(requests: AsyncIterable<BytesValue>): Promise<BytesValue>;
  repeat(request: BytesValue): AsyncIterable<BytesValue>;
  chat(requests: AsyncIterable<BytesValue>): AsyncIterable<BytesValue>;
}

const wrap = (value: Uint8Array): BytesValue => create(BytesValueSchema, { value });

async function* wrapped(
  requests: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<BytesValue> {
  for await (const request of requests) yield wrap(request);
}

async function* unwrapped(responses: AsyncIterable<BytesValue>): AsyncGenerator<Uint8Array> {
  for await (const { value } of responses) yield value;
}

function callError(error: unknown): CallError {
  const { code, rawMessage, metadata } = ConnectError.from(error);
  const trailers = new Map<string, string | Uint8Array>();
  metadata.forEach((value, name) =>
    trailers.set(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value),
  );
  return new CallError(code, rawMessage, trailers);
}

class ConnectInterop implements InteropClient {
  readonly #calls: Calls;
  readonly #session: Http2SessionManager;

  constructor({ port, ca }: Served) {
    const baseUrl = `${ca === undefined ? 'http' : 'https'}://localhost:${port}`;
    this.#session = new Http2SessionManager(baseUrl, {}, ca === undefined ? {} : { ca });
    const transport = createGrpcTransport({ baseUrl, sessionManager: this.#session });
    this.#calls = createClient(service, transport) as unknown as Calls;
  }

  async unary(
    method: 'Echo' | 'Fail' | 'Wait',
    request: Uint8Array,
    options: UnaryOptions = {},
  ): Promise<Uint8Array> {
    const call = { Echo: this.#calls.echo, Fail: this.#calls.fail, Wait: this.#calls.wait }[method];
    try {
      return (await call(wrap(request), options)).value;
    } catch (error) {
      throw callError(error);
    }
  }

  async join(requests: readonly Uint8Array[]): Promise<Uint8Array> {
    return (await this.#calls.join(wrapped(requests))).value;
  }

  repeat(request: Uint8Array): AsyncIterable<Uint8Array> {
    return unwrapped(this.#calls.repeat(wrap(request)));
  }

  chat(requests: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return unwrapped(this.#calls.chat(wrapped(requests)));
  }

  close(): void {
    this.#session.abort();
  }
}

interoperates('@connectrpc/connect-node', (served) => new ConnectInterop(served));
