import type { RequestListener } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import { silentLog, type Log } from '../base/log.js';
import type { Metadata } from '../base/metadata.js';
import { RatedLog } from '../base/rated-log.js';
import type { Service } from '../base/rpc.js';
import type { CallStatus } from '../base/status.js';
import { GrpcApplication } from './application.js';
import type { CallServices, RunningCalls } from './call-services.js';
import type { Seat } from './client-share.js';
import { Compression } from './compression.js';
import { Deadlines } from './deadlines.js';
import { Http1 } from './http1.js';
import type { Http1Connection } from './http1-connection.js';
import { AnswerTurns } from './http2/answer-turns.js';
import { Connection } from './http2/connection.js';
import { ConnectionRounds } from './http2/connection-rounds.js';
import type { ConnectionEnvironment, ConnectionHandle } from './http2/environment.js';
import { InputAhead } from './http2/input-ahead.js';
import { MemoryBudget } from './http2/memory-budget.js';
import { OutputBuffers } from './http2/output.js';
import { errorCode, type ConnectionError } from './http2/protocol.js';
import { Turns } from './http2/turns.js';
import { Interruptions } from './interruptions.js';
import { grpcLimitDefaults, type GrpcLimits } from './limits.js';
import { Listener } from './listener.js';
import { Seats } from './seats.js';
import { Shares } from './shares.js';
import { responseFields, statusOfError } from './status.js';

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
  /** Names and values of what each answer of gRPC carries beside gRPC's own. */
  readonly answerFields?: readonly string[];
  /** Why a call with such header fields is refused before it begins. Asked once for calls with the same list. */
  readonly objection?: (fields: ReadonlyMap<string, string>) => Error | undefined;
  /** What the port is called in error messages. */
  readonly portName?: string;
}

export interface GrpcServerStats extends Readonly<RunningCalls> {
  readonly connections: number;
  readonly connectionsRefused: number;
  /** Connections that were ended because they broke a rule or went past a limit. */
  readonly connectionsFaulted: number;
  /** In memory for streams, requests and answers. */
  readonly heldBytes: number;
}

const sweepIntervalMsMax = 1000;
const sweepIntervalMsMin = 10;

/** Serves gRPC on HTTP/2, and HTTP/1.1 beside it on the same port. */
export class GrpcServer {
  /** For what strangers can cause. */
  readonly #strangers: RatedLog;
  readonly #limits: GrpcLimits;
  readonly #shares: Shares;
  readonly #connections = new Set<Connection>();
  readonly #memory: MemoryBudget;
  readonly #environment: ConnectionEnvironment;
  readonly #running: RunningCalls = { unary: 0, streaming: 0, pages: 0 };
  readonly #listener: Listener;
  readonly #http1: Http1;
  readonly #deadlines = new Deadlines();
  readonly #sweeps: ConnectionRounds<Connection>;
  #sweeper: NodeJS.Timeout | undefined;
  #faulted = 0;
  #closed: Promise<void> | undefined;

  constructor(options: GrpcServerOptions) {
    this.#limits = { ...grpcLimitDefaults, ...options.limits };
    const limits = this.#limits;
    const log = options.log ?? silentLog;
    this.#strangers = new RatedLog(log);
    this.#shares = new Shares(limits);
    const services: CallServices = {
      limits,
      deadlines: this.#deadlines,
      compression: new Compression(limits.compressionsMax),
      interruptions: new Interruptions(),
      shares: this.#shares,
      log,
      running: this.#running,
      responseFields: Object.freeze([...responseFields, ...(options.answerFields ?? [])]),
      objection: options.objection,
      statusOf: options.statusOf ?? statusOfError,
    };
    const http1Connections = new Set<Http1Connection>();
    this.#memory = new MemoryBudget(limits.memoryBytesMax, this.#connections, http1Connections);
    const turns = new Turns(undefined, () => this.#memory.enforce());
    const sweep = (each: Connection, nowMs: number): void => each.sweep(nowMs);
    this.#sweeps = new ConnectionRounds(this.#connections, sweep, { turns, log });
    this.#http1 = new Http1({
      handler: options.http1,
      headerSizeBytesMax: limits.http1HeaderSizeBytesMax,
      timeoutMs: limits.http1TimeoutMs,
      memory: this.#memory,
      turns,
      connections: http1Connections,
      log,
    });
    const pages =
      options.http1 === undefined
        ? undefined
        : { connect: () => this.#http1.connect(), running: this.#running, limits };
    this.#environment = {
      limits,
      application: new GrpcApplication(options.services, services, pages),
      buffers: new OutputBuffers(),
      turns,
      inputAhead: new InputAhead(this.#memory, limits.memoryBytesMax),
      memory: this.#memory,
      answers: new AnswerTurns(this.#memory, turns),
      log,
      faulted: (connection, error) => this.#onFault(connection, error),
      closed: (connection) => this.#connections.delete(connection as Connection),
    };
    this.#listener = new Listener({
      name: options.portName ?? 'port',
      tls: options.tls,
      connectionsMax: limits.connectionsMax,
      prefaceTimeoutMs: limits.prefaceTimeoutMs,
      log: this.#strangers,
      seats: new Seats(this.#shares),
      connected: () => turns.connected(),
      http2: (socket, rest, seat) => this.#accept(socket, rest, seat),
      http1: (socket, received, seat) => {
        seat.shows({ idleSinceMs: seat.sinceMs, giveWay: () => socket.destroy() });
        this.#http1.accept(socket, received, seat.share);
      },
    });
  }

  /**
   * @param port 0: any free one
   * @param reserved listens there already; its socket is served from now on, and closed by this one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  async listen(host: string, port: number, reserved?: NetServer): Promise<number> {
    const listening = await this.#listener.listen(host, port, reserved);
    this.#sweeper = setInterval(() => this.#lookAround(), sweepIntervalMs(this.#limits));
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
      heldBytes: this.#memory.heldBytes,
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
    const stop = (connection: Connection): void => {
      connection.stopStreams();
      connection.drain();
    };
    new ConnectionRounds(this.#connections, stop, this.#environment).begin();
    const timer = setTimeout(() => this.#listener.destroyConnections(), deadlineMs);
    await closed;
    while (this.#connections.size > 0) await nextTurn();
    clearTimeout(timer);
    clearInterval(this.#sweeper);
    this.#strangers.close();
    this.#deadlines.close();
  }

  /** Thousands may say at one moment what they speak: those past the turn's time wait for theirs. */
  #accept(socket: Socket, rest: Buffer, seat: Seat): void {
    const { turns } = this.#environment;
    if (turns.mayTakeIn()) {
      this.#begin(socket, rest, seat);
      return;
    }
    socket.pause();
    turns.defer(seat.share, {
      takeIn: () => {
        if (socket.destroyed) return;
        // First, for the connection may pause it again.
        socket.resume();
        this.#begin(socket, rest, seat);
      },
      failed: (error) => {
        this.#strangers.tell(
          'error',
          { err: error },
          'a connection could not be begun for a reason that is a bug',
        );
        socket.destroy();
      },
    });
  }

  #begin(socket: Socket, rest: Buffer, seat: Seat): void {
    const connection = new Connection(socket, this.#environment, seat.share);
    seat.shows(connection);
    this.#connections.add(connection);
    if (rest.length > 0) connection.feed(rest);
    if (this.#closed !== undefined) connection.drain();
  }

  #onFault(connection: ConnectionHandle, error: ConnectionError): void {
    const { code, message: reason } = error;
    // Who gave way has done nothing wrong.
    if (code !== errorCode.noError) this.#faulted++;
    this.#strangers.tell('info', { code, reason }, 'a connection was ended', connection.remoteAddress);
  }

  #lookAround(): void {
    const nowMs = performance.now();
    this.#strangers.sweep(nowMs);
    this.#listener.sweep(nowMs);
    this.#sweeps.begin();
    this.#http1.sweep(nowMs);
    this.#memory.sweep(nowMs);
  }
}

/** Often enough that no timeout is exceeded by much. */
function sweepIntervalMs(limits: GrpcLimits): number {
  const shortest = Math.min(
    limits.prefaceTimeoutMs,
    limits.settingsTimeoutMs,
    limits.frameTimeoutMs,
    limits.messageTimeoutMs,
    limits.http1TimeoutMs,
    limits.sendStallTimeoutMs,
    limits.keepaliveTimeMs,
    limits.keepaliveTimeoutMs,
    limits.lingerTimeoutMs,
    limits.connectionIdleMsMax,
    limits.connectionAgeMsMax,
  );
  return Math.min(sweepIntervalMsMax, Math.max(sweepIntervalMsMin, shortest / 4));
}
