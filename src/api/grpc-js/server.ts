import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Log } from '../../base/log.js';
import type { Service } from '../../base/rpc.js';
import type { ApiLimits } from '../limits.js';
import { ownProtoFiles } from '../proto-files.js';
import { Listener } from './listener.js';
import { StreamingServices } from './streaming-services.js';
import { UnaryCalls } from './unary-calls.js';

interface GrpcJsServerOptions {
  readonly services: readonly Service[];
  readonly limits: ApiLimits;
  readonly log: Log;
  /** Absolute paths of what reflection tells; without it the protocol files of this package. */
  readonly reflectionProtoFiles?: readonly string[];
  /** A connection that has not begun to speak HTTP/2 by then is closed. Default 10,000. */
  readonly prefaceTimeoutMs?: number;
}

/** Serves our services, gRPC health and gRPC reflection over `@grpc/grpc-js`. */
export class GrpcJsServer {
  readonly #server: Server;
  readonly #streaming: StreamingServices;
  readonly #listener: Listener;
  #closed: Promise<void> | undefined;

  constructor(options: GrpcJsServerOptions) {
    const { services, limits, log } = options;
    this.#server = new Server({
      // A request a little too long is told the limit's name; grpc-js itself stops what is far too long.
      'grpc.max_receive_message_length': limits.requestSizeBytesMax * 2,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': limits.streamsPerConnectionMax,
      // Bookkeeping per call that nothing reads.
      'grpc.enable_channelz': 0,
      // A client that vanished without a word holds its connection no longer than this.
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
    const calls = new UnaryCalls(limits, log);
    for (const service of services) {
      for (const method of service.methods) {
        if (method.kind !== 'unary') continue;
        const path = `/${service.name}/${method.name}`;
        this.#server.register(path, calls.handler(path, method), toBuffer, identity, 'unary');
      }
    }
    this.#streaming = new StreamingServices(services.map(({ name }) => name));
    this.#streaming.addTo(this.#server, options.reflectionProtoFiles ?? ownProtoFiles());
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = new Listener({
      connectionsMax: limits.connectionsMax,
      prefaceTimeoutMs: options.prefaceTimeoutMs ?? 10_000,
      log,
      accept: (socket) => injector.injectConnection(socket),
    });
  }

  /**
   * @param port 0: any free one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  listen(host: string, port: number): Promise<number> {
    return this.#listener.listen(host, port);
  }

  /** What health answers, for the server ("") and each service. NOT_SERVING until this is called. */
  setServing(serving: boolean): void {
    this.#streaming.setServing(serving);
  }

  /**
   * Takes no more connections and calls, lets the calls that are open end, for up to `deadlineMs`, then cuts
   * them off. Resolves when no connection is left; a second call waits for the first.
   */
  closeGracefully(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.setServing(false);
    this.#streaming.endStreams();
    const closed = this.#listener.close();
    this.#server.tryShutdown(() => {});
    const timer = setTimeout(() => {
      this.#server.forceShutdown();
      this.#listener.destroyConnections();
    }, deadlineMs);
    await closed;
    clearTimeout(timer);
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function identity(bytes: Buffer): Uint8Array {
  return bytes;
}
