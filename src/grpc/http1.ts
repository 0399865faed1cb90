import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';

interface Http1Options {
  /** What answers. Without it every request is told what the port speaks. */
  readonly handler: RequestListener | undefined;
  readonly headerSizeBytesMax: number;
  readonly timeoutMs: number;
}

/** HTTP/1.1 on the port of the gRPC server. */
export class Http1 {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: Http1Options) {
    this.#server = createServer(
      {
        maxHeaderSize: options.headerSizeBytesMax,
        headersTimeout: options.timeoutMs,
        requestTimeout: options.timeoutMs,
        keepAliveTimeout: options.timeoutMs,
        connectionsCheckingInterval: Math.max(10, Math.min(1000, options.timeoutMs / 2)),
      },
      options.handler ??
        ((_request, response) => {
          response.writeHead(400, { 'content-type': 'text/plain', connection: 'close' });
          response.end('This port speaks gRPC over HTTP/2.\n');
        }),
    );
    // Its timeouts begin to be checked when it listens; this one never does, sockets are handed to it.
    this.#server.emit('listening');
  }

  /** @param received what has been read from the socket */
  accept(socket: Socket, received: Buffer): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.pause();
    socket.unshift(received);
    this.#server.emit('connection', socket);
    // It was paused by name, so a listener for its data does not set it going.
    socket.resume();
  }

  /** @returns the client's end of a connection in memory */
  connect(): Duplex {
    const [near, far] = duplexPair();
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    this.#server.emit('connection', far);
    return near;
  }

  /** Requests that are open are still answered; connections without one are closed. */
  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
