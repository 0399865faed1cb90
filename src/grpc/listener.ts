import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { KvorumError } from '../base/errors.js';
import { listenBacklogMax } from '../base/listen-backlog.js';
import type { RatedLog } from '../base/rated-log.js';
import type { Seat } from './client-share.js';
import { clientPreface } from './http2/protocol.js';
import type { Seats } from './seats.js';

interface ListenerOptions {
  /** What the port is called in error messages. */
  readonly name: string;
  readonly tls: TlsOptions | undefined;
  readonly connectionsMax: number;
  readonly seats: Seats;
  /** Until a connection has shown what it speaks; for TLS, first until the handshake has ended. */
  readonly prefaceTimeoutMs: number;
  readonly log: RatedLog;
  /** One was accepted. */
  connected(): void;
  /** Takes over a connection that has sent HTTP/2's preface; `rest` is what came behind it. */
  http2(socket: Socket, rest: Buffer, seat: Seat): void;
  /** Takes over any other; `received` is what came so far. */
  http1(socket: Socket, received: Buffer, seat: Seat): void;
}

/** One port for all: the first bytes of a connection tell what it speaks. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** Those that have not shown what they speak. */
  readonly #unknown = new Set<Seat>();
  /** By the other end's address: the socket that comes out of a TLS handshake is another object. */
  readonly #seats = new Map<string, Seat>();
  /** Connections that were closed at once because there were too many. */
  refused = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls);
    // Before the listeners that begin to read, or a TLS handshake.
    this.#server.prependListener('connection', (socket: Socket) => this.#connected(socket));
  }

  #plainServer(): Server {
    return createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
      const seat = this.#seats.get(peerOf(socket));
      if (seat?.socket === socket) this.#awaitPreface(socket, seat);
    });
  }

  #tlsServer(tls: TlsOptions): Server {
    const server = createTlsServer(
      {
        ...tls,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: this.#options.prefaceTimeoutMs,
        noDelay: true,
        keepAlive: true,
        allowHalfOpen: true,
      },
      (socket: TLSSocket) => {
        socket.on('error', () => {});
        const seat = this.#seats.get(peerOf(socket));
        if (seat === undefined) socket.destroy();
        else this.#awaitPreface(socket, seat);
      },
    );
    server.on('tlsClientError', (error, socket) => {
      const { message } = error;
      this.#options.log.tell('debug', { error: message }, 'a TLS handshake failed', socket.remoteAddress);
      socket.destroy();
    });
    return server;
  }

  get connections(): number {
    return this.#options.seats.count;
  }

  /**
   * @param port 0: any free one
   * @param reserved listens there already; its socket is served from now on, and closed by this one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  listen(host: string, port: number, reserved?: Server): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void =>
        reject(addressUnavailable(this.#options.name, host, port, error));
      this.#server.once('error', onError);
      const begun = (): void => {
        this.#server.off('error', onError);
        // When there are no file descriptors left, for example: it goes on with the next one.
        this.#server.on('error', ({ message }) => {
          this.#options.log.tell('error', { error: message }, 'a connection could not be accepted');
        });
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      };
      if (reserved === undefined) this.#server.listen({ host, port, backlog: listenBacklogMax }, begun);
      else this.#server.listen(reserved, listenBacklogMax, begun);
    });
  }

  /** Certificates for connections from now on. @throws Error without TLS, or for what is no certificate */
  setTlsContext(context: TlsOptions): void {
    if (!('setSecureContext' in this.#server)) throw new Error('the server was made without TLS');
    (this.#server as Server & { setSecureContext(context: TlsOptions): void }).setSecureContext(context);
  }

  /** No new connections. Resolves when all are closed; those that have shown nothing are closed at once. */
  close(): Promise<void> {
    for (const { socket } of this.#unknown) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  destroyConnections(): void {
    for (const { socket } of this.#options.seats.all) socket.destroy();
  }

  /** Closes what has shown nothing for too long. */
  sweep(nowMs: number): void {
    const { prefaceTimeoutMs } = this.#options;
    for (const { socket, sinceMs } of this.#unknown) {
      if (nowMs - sinceMs > prefaceTimeoutMs) socket.destroy();
    }
  }

  #connected(socket: Socket): void {
    const { seats, log, connectionsMax: limit } = this.#options;
    this.#options.connected();
    // A lost connection is no news; each call on it is cancelled.
    socket.on('error', () => {});
    const { remoteAddress } = socket;
    const seat = seats.take(socket, performance.now());
    if (seat === undefined) {
      this.refused++;
      // TLS has not taken it over yet, and would fail to.
      process.nextTick(() => socket.destroy());
      log.tell('warn', { limit }, 'connection refused: connectionsMax reached', remoteAddress);
      return;
    }
    const peer = peerOf(socket);
    this.#seats.set(peer, seat);
    this.#unknown.add(seat);
    socket.once('close', () => {
      seats.leave(seat);
      this.#unknown.delete(seat);
      if (this.#seats.get(peer) === seat) this.#seats.delete(peer);
    });
  }

  #awaitPreface(socket: Socket, seat: Seat): void {
    let received: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const compared = Math.min(received.length, clientPreface.length);
      const matches = received.subarray(0, compared).equals(clientPreface.subarray(0, compared));
      if (matches && compared < clientPreface.length) return;
      socket.off('data', onData);
      socket.off('end', onEnd);
      this.#unknown.delete(seat);
      try {
        if (matches) this.#options.http2(socket, received.subarray(compared), seat);
        else this.#options.http1(socket, received, seat);
      } catch (error) {
        this.#options.log.tell(
          'error',
          { err: error },
          'a connection could not be taken over for a reason that is a bug',
        );
        socket.destroy();
      }
    };
    const onEnd = (): void => void socket.destroy();
    socket.on('data', onData);
    socket.on('end', onEnd);
  }
}

function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0} ${localAddress ?? ''}`;
}

function addressUnavailable(
  name: string,
  host: string,
  port: number,
  cause: NodeJS.ErrnoException,
): KvorumError {
  const message =
    cause.code === 'EADDRINUSE'
      ? `${name} ${port} on ${host} is in use: stop what listens there or choose another port`
      : `${name} ${port} on ${host} cannot be used: ${cause.message}`;
  return new KvorumError('ADDRESS_UNAVAILABLE', message, { cause });
}
