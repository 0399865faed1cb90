import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { silentLog, type Log } from '../base/log.js';
import type { Metadata } from '../base/metadata.js';
import type { Service } from '../base/rpc.js';
import type { CallStatus } from '../base/status.js';
import { GrpcApplication } from './application.js';
import type { CallServices, RunningCalls } from './call-services.js';
import { Compression } from './compression.js';
import { Deadlines } from './deadlines.js';
import { Http1 } from './http1.js';
import { Connection } from './http2/connection.js';
import type { ConnectionEnvironment, ConnectionHandle } from './http2/environment.js';
import { MemoryBudget } from './http2/memory-budget.js';
import { OutputBuffers } from './http2/output.js';
import type { ConnectionError } from './http2/protocol.js';
import { Turns } from './http2/turns.js';
import { grpcLimitDefaults, type GrpcLimits } from './limits.js';
import { Listener } from './listener.js';
import { statusOfError } from './status.js';

export interface GrpcServerOptions {
  readonly services: readonly Service[];
  readonly limits?: Partial<GrpcLimits>;
  readonly log?: Log;
  /** With TLS: certificate and key, and what else `tls.createServer` takes. */
  readonly tls?: TlsOptions;
  /** Answers HTTP/1.1 requests on the same port, and GET and HEAD requests that come over HTTP/2. */
  readonly http1?: RequestListener;
  /**
   * What callers are told of an error that a handler threw, with trailers if it likes; undefined: it is a bug,
   * logged and told as INTERNAL. Without it KvorumError and StatusError speak for themselves.
   */
  readonly statusOf?: (error: unknown, trailers: () => Metadata) => CallStatus | undefined;
  /** What the port is called in error messages. */
  readonly portName?: string;
}

export interface GrpcServerStats extends Readonly<RunningCalls> {
  readonly connections: number;
  readonly connectionsRefused: number;
  /** Connections that were ended because they broke a rule or went past a limit. */
  readonly connectionsFaulted: number;
  /** In received and unsent messages. */
  readonly heldBytes: number;
}

const sweepIntervalMsMax = 1000;
const sweepIntervalMsMin = 10;

/** Serves gRPC on HTTP/2, and HTTP/1.1 beside it on the same port. */
export class GrpcServer {
  readonly #log: Log;
  readonly #limits: GrpcLimits;
  readonly #connections = new Set<Connection>();
  readonly #environment: ConnectionEnvironment;
  readonly #running: RunningCalls = { unary: 0, streaming: 0 };
  readonly #listener: Listener;
  readonly #http1: Http1;
  readonly #deadlines = new Deadlines();
  #sweeper: NodeJS.Timeout | undefined;
  #faulted = 0;
  #closed: Promise<void> | undefined;

  constructor(options: GrpcServerOptions) {
    this.#log = options.log ?? silentLog;
    this.#limits = { ...grpcLimitDefaults, ...options.limits };
    const limits = this.#limits;
    const services: CallServices = {
      limits,
      deadlines: this.#deadlines,
      compression: new Compression(limits.compressionsMax),
      log: this.#log,
      running: this.#running,
      statusOf: options.statusOf ?? statusOfError,
    };
    this.#http1 = new Http1({
      handler: options.http1,
      headerSizeBytesMax: limits.http1HeaderSizeBytesMax,
      timeoutMs: limits.http1TimeoutMs,
    });
    const pages = options.http1 === undefined ? undefined : () => this.#http1.connect();
    this.#environment = {
      limits,
      application: new GrpcApplication(options.services, services, pages),
      buffers: new OutputBuffers(),
      turns: new Turns(),
      memory: new MemoryBudget(limits.memoryBytesMax, this.#connections),
      log: this.#log,
      faulted: (connection, error) => this.#onFault(connection, error),
      closed: (connection) => this.#connections.delete(connection as Connection),
    };
    this.#listener = new Listener({
      name: options.portName ?? 'port',
      tls: options.tls,
      connectionsMax: limits.connectionsMax,
      prefaceTimeoutMs: limits.prefaceTimeoutMs,
      log: this.#log,
      http2: (socket, rest) => this.#accept(socket, rest),
      http1: (socket, received) => this.#http1.accept(socket, received),
    });
  }

  /**
   * @param port 0: any free one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  async listen(host: string, port: number): Promise<number> {
    const listening = await this.#listener.listen(host, port);
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs(this.#limits));
    this.#sweeper.unref();
    return listening;
  }

  /** Certificates for connections from now on. */
  setTlsContext(context: TlsOptions): void {
    this.#listener.setTlsContext(context);
  }

  stats(): GrpcServerStats {
    return {
      ...this.#running,
      connections: this.#listener.connections,
      connectionsRefused: this.#listener.refused,
      connectionsFaulted: this.#faulted,
      heldBytes: this.#environment.memory.heldBytes,
    };
  }

  /**
   * Takes no more connections and calls, ends the calls that stream, lets unary ones end, for up to
   * `deadlineMs`, then cuts them off. Resolves when no connection is left; a second call waits for the first.
   */
  closeGracefully(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    const closed = this.#listener.close();
    this.#http1.close();
    for (const connection of this.#connections) {
      connection.stopStreams();
      connection.drain();
    }
    const timer = setTimeout(() => {
      this.#http1.destroyConnections();
      this.#listener.destroyConnections();
    }, deadlineMs);
    await closed;
    clearTimeout(timer);
    clearInterval(this.#sweeper);
    this.#deadlines.close();
  }

  #accept(socket: Socket, rest: Buffer): void {
    const connection = new Connection(socket, this.#environment);
    this.#connections.add(connection);
    if (rest.length > 0) connection.feed(rest);
    if (this.#closed !== undefined) connection.drain();
  }

  #onFault(connection: ConnectionHandle, error: ConnectionError): void {
    this.#faulted++;
    this.#log.info(
      { from: connection.remoteAddress, code: error.code, reason: error.message },
      'a connection was ended',
    );
  }

  #sweep(): void {
    const nowMs = performance.now();
    this.#listener.sweep(nowMs);
    for (const connection of this.#connections) connection.sweep(nowMs);
  }
}

/** Often enough that no timeout is exceeded by much. */
function sweepIntervalMs(limits: GrpcLimits): number {
  const shortest = Math.min(
    limits.prefaceTimeoutMs,
    limits.settingsTimeoutMs,
    limits.frameTimeoutMs,
    limits.messageTimeoutMs,
    limits.sendStallTimeoutMs,
    limits.keepaliveTimeMs,
    limits.keepaliveTimeoutMs,
    limits.connectionIdleMsMax,
    limits.connectionAgeMsMax,
  );
  return Math.min(sweepIntervalMsMax, Math.max(sweepIntervalMsMin, shortest / 4));
}
