import { Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { CallError, interoperates, type InteropClient, type UnaryOptions } from './contract.js';
import { decode, encode, type Served } from './service.js';

const toBuffer = (value: Uint8Array): Buffer => Buffer.from(encode(value));
const path = (method: string): string => `/interop.Test/${method}`;

function callError({ code, details, metadata }: ServiceError): CallError {
  const trailers = new Map(Object.keys(metadata.getMap()).map((name) => [name, first(metadata, name)]));
  return new CallError(code, details, trailers);
}

function first(metadata: Metadata, name: string): string | Uint8Array {
  return metadata.get(name)[0]!;
}

class GrpcJsInterop implements InteropClient {
  readonly #client: Client;

  constructor({ port, ca }: Served) {
    const channel = ca === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(ca));
    this.#client = new Client(`localhost:${port}`, channel, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
  }

  unary(method: string, request: Uint8Array, { timeoutMs, signal }: UnaryOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
      const call = this.#client.makeUnaryRequest(
        path(method),
        toBuffer,
        decode,
        request,
        options,
        (error, response) => (error === null ? resolve(response!) : reject(callError(error))),
      );
      signal?.addEventListener('abort', () => call.cancel());
    });
  }

  async join(requests: readonly Uint8Array[]): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest(path('Join'), toBuffer, decode, (error, response) =>
        error === null ? resolve(response!) : reject(callError(error)),
      );
      for (const request of requests) call.write(request);
      call.end();
    });
  }

  repeat(request: Uint8Array): AsyncIterable<Uint8Array> {
    return this.#client.makeServerStreamRequest(path('Repeat'), toBuffer, decode, request);
  }

  chat(requests: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const call = this.#client.makeBidiStreamRequest<Uint8Array, Uint8Array>(path('Chat'), toBuffer, decode);
    void (async () => {
      for await (const request of requests) call.write(request);
      call.end();
    })();
    return call;
  }

  close(): void {
    this.#client.close();
  }
}

interoperates('@grpc/grpc-js', (served) => new GrpcJsInterop(served));
