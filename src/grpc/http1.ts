import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import type { Log } from '../base/log.js';
import { FairTurns } from './fair-turns.js';
import { Http1Connection, type Http1Environment } from './http1-connection.js';
import type { MemoryBudget } from './http2/memory-budget.js';
import type { Turns } from './http2/turns.js';

interface Http1Options {
  /** What answers. Without it every request is told what the port speaks. */
  readonly handler: RequestListener | undefined;
  readonly headerSizeBytesMax: number;
  readonly timeoutMs: number;
  readonly memory: MemoryBudget;
  readonly turns: Pick<Turns, 'isAccepting'>;
  /** To be kept up to date with the connections that are open. */
  readonly connections: Set<Http1Connection>;
  readonly log: Log;
}

function speaksGrpc(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'text/plain', connection: 'close' });
  response.end('This port speaks gRPC over HTTP/2.\n');
}

/** HTTP/1.1 on the port of the gRPC server. */
export class Http1 {
  readonly #server: Server;
  readonly #options: Http1Options;
  readonly #environment: Http1Environment;

  constructor(options: Http1Options) {
    this.#options = options;
    this.#environment = { ...options, turns: new FairTurns(options.turns) };
    const handler: (...exchange: Parameters<RequestListener>) => unknown = options.handler ?? speaksGrpc;
    this.#server = createServer(
      {
        maxHeaderSize: options.headerSizeBytesMax,
        headersTimeout: options.timeoutMs,
        requestTimeout: options.timeoutMs,
        keepAliveTimeout: options.timeoutMs,
        connectionsCheckingInterval: Math.max(10, Math.min(1000, options.timeoutMs / 2)),
      },
      (request, response) => {
        const connection: Duplex = request.socket;
        if (connection instanceof Http1Connection) connection.answering(request, response);
        try {
          const answering = handler(request, response);
          // Listeners may be async functions, whose promises nobody else looks at.
          if (answering instanceof Promise)
            answering.catch((error: unknown) => this.#failed(error, response));
        } catch (error) {
          this.#failed(error, response);
        }
      },
    );
    // A client that ends its side behind a request still gets its answer. Node has no type for it.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    // Its timeouts begin to be checked when it listens; this one never does, sockets are handed to it.
    this.#server.emit('listening');
  }

  /** The listener threw: the one request fails, and nothing else. */
  #failed(error: unknown, response: ServerResponse): void {
    this.#options.log.error({ err: error }, 'an HTTP request failed for a reason that is a bug');
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'content-type': 'text/plain' }).end('internal error\n');
  }

  /**
   * @param received what has been read from the socket
   * @param client who it belongs to; all his connections together have the turns that one has
   */
  accept(socket: Socket, received: Buffer, client: object): void {
    const { connections } = this.#options;
    const connection = new Http1Connection(socket, received, client, this.#environment);
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    this.#server.emit('connection', connection);
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

  /** Closes what takes too long. To be called about once a second. */
  sweep(nowMs: number): void {
    for (const connection of this.#options.connections) connection.sweep(nowMs);
  }
}
