import { createServer, type Server, type Socket } from 'node:net';
import { KvorumError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';

/** RFC 9113 section 3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const http1Answer =
  'HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nThis port speaks gRPC over HTTP/2.\n';

interface ListenerOptions {
  readonly connectionsMax: number;
  /** A connection that has not sent HTTP/2's preface by then is closed. */
  readonly prefaceTimeoutMs: number;
  readonly log: Log;
  /** Takes over a connection that has sent the preface; the preface is still to be read from it. */
  accept(socket: Socket): void;
}

/** The client port: lets through what speaks HTTP/2, so that nothing else reaches grpc-js. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Of these the preface is awaited. */
  readonly #unknown = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#connected(socket));
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on('drop', (dropped) => {
      const limit = options.connectionsMax;
      options.log.warn({ from: dropped?.remoteAddress, limit }, 'connection refused: connectionsMax reached');
    });
  }

  /**
   * @param port 0: any free one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(addressUnavailable(host, port, error));
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (err) => this.#options.log.error({ err }, 'the client port failed'));
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** No new connections. Resolves when all are closed; those that sent no preface are closed at once. */
  close(): Promise<void> {
    for (const socket of this.#unknown) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    this.#unknown.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#unknown.delete(socket);
    });
    // A lost connection is no news; each call on it is cancelled.
    socket.on('error', () => {});
    socket.setTimeout(this.#options.prefaceTimeoutMs, () => {
      if (this.#unknown.has(socket)) socket.destroy();
    });
    this.#awaitPreface(socket);
  }

  #awaitPreface(socket: Socket): void {
    let received: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const compared = Math.min(received.length, preface.length);
      const matches = received.subarray(0, compared).equals(preface.subarray(0, compared));
      if (matches && compared < preface.length) return;
      socket.off('data', onData);
      socket.pause();
      if (matches) this.#hand(socket, received);
      else refuse(socket, received);
    };
    socket.on('data', onData);
  }

  #hand(socket: Socket, received: Buffer): void {
    this.#unknown.delete(socket);
    socket.setTimeout(0);
    socket.unshift(received);
    this.#options.accept(socket);
  }
}

function refuse(socket: Socket, received: Buffer): void {
  if (/^[A-Z]{3,8} /.test(received.toString('latin1', 0, 9))) socket.end(http1Answer);
  socket.destroySoon();
}

function addressUnavailable(host: string, port: number, cause: NodeJS.ErrnoException): KvorumError {
  const message =
    cause.code === 'EADDRINUSE'
      ? `grpcport ${port} on ${host} is in use: stop what listens there or choose another port`
      : `grpcport ${port} on ${host} cannot be used: ${cause.message}`;
  return new KvorumError('ADDRESS_UNAVAILABLE', message, { cause });
}
