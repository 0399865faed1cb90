import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { KvorumError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { clientPreface } from './http2/protocol.js';

interface ListenerOptions {
  /** What the port is called in error messages. */
  readonly name: string;
  readonly tls: TlsOptions | undefined;
  readonly connectionsMax: number;
  /** Until a connection has shown what it speaks; for TLS, first until the handshake has ended. */
  readonly prefaceTimeoutMs: number;
  readonly log: Log;
  /** Takes over a connection that has sent HTTP/2's preface; `rest` is what came behind it. */
  http2(socket: Socket, rest: Buffer): void;
  /** Takes over any other; `received` is what came so far. */
  http1(socket: Socket, received: Buffer): void;
}

/**
 * Connections that wait to be accepted (the kernel has a limit of its own). Node accepts one a turn, so a server
 * whose turns are long takes seconds for thousands that come back at once. They wait here; were the queue full, they
 * would have to try again after seconds.
 */
const backlogMax = 4096;

/** One port for all: the first bytes of a connection tell what it speaks. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those that have not shown what they speak, with the time since when. */
  readonly #unknown = new Map<Socket, number>();
  /** Those in a TLS handshake, by the other end's address: the socket that comes out of it is another object. */
  readonly #handshaking = new Map<string, Socket>();
  /** Connections that were closed at once because there were too many. */
  refused = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls);
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on('connection', (socket: Socket) => this.#connected(socket));
    this.#server.on('drop', (dropped) => {
      this.refused++;
      const limit = options.connectionsMax;
      options.log.warn({ from: dropped?.remoteAddress, limit }, 'connection refused: connectionsMax reached');
    });
  }

  #plainServer(): Server {
    return createServer({ noDelay: true, keepAlive: true }, (socket) => this.#awaitPreface(socket));
  }

  #tlsServer(tls: TlsOptions): Server {
    const server = createTlsServer(
      {
        ...tls,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: this.#options.prefaceTimeoutMs,
        noDelay: true,
        keepAlive: true,
      },
      (socket: TLSSocket) => {
        this.#handshaking.delete(peerOf(socket));
        socket.on('error', () => {});
        this.#awaitPreface(socket);
      },
    );
    server.on('tlsClientError', (error, socket) => {
      this.#options.log.debug({ err: error, from: socket.remoteAddress }, 'a TLS handshake failed');
      socket.destroy();
    });
    return server;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * @param port 0: any free one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void =>
        reject(addressUnavailable(this.#options.name, host, port, error));
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: backlogMax }, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (err) => this.#options.log.error({ err }, 'the port failed'));
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Certificates for connections from now on. @throws Error without TLS, or for what is no certificate */
  setTlsContext(context: TlsOptions): void {
    if (!('setSecureContext' in this.#server)) throw new Error('the server was made without TLS');
    (this.#server as Server & { setSecureContext(context: TlsOptions): void }).setSecureContext(context);
  }

  /** No new connections. Resolves when all are closed; those that have shown nothing are closed at once. */
  close(): Promise<void> {
    for (const socket of [...this.#unknown.keys(), ...this.#handshaking.values()]) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Closes what has shown nothing for too long. */
  sweep(nowMs: number): void {
    for (const [socket, sinceMs] of this.#unknown) {
      if (nowMs - sinceMs > this.#options.prefaceTimeoutMs) socket.destroy();
    }
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    const peer = peerOf(socket);
    if (this.#options.tls !== undefined) this.#handshaking.set(peer, socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#handshaking.get(peer) === socket) this.#handshaking.delete(peer);
    });
    // A lost connection is no news; each call on it is cancelled.
    socket.on('error', () => {});
  }

  #awaitPreface(socket: Socket): void {
    this.#unknown.set(socket, performance.now());
    socket.once('close', () => this.#unknown.delete(socket));
    let received: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const compared = Math.min(received.length, clientPreface.length);
      const matches = received.subarray(0, compared).equals(clientPreface.subarray(0, compared));
      if (matches && compared < clientPreface.length) return;
      socket.off('data', onData);
      this.#unknown.delete(socket);
      if (matches) this.#options.http2(socket, received.subarray(compared));
      else this.#options.http1(socket, received);
    };
    socket.on('data', onData);
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0}`;
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
