import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RunningCalls } from './call-services.js';
import { errorCode } from './http2/protocol.js';
import type { StreamOpener, StreamWindows } from './http2/request-blocks.js';
import { isConnectionField, type RequestFields } from './http2/request-fields.js';
import { Stream, type StreamOwner } from './http2/stream.js';
import type { GrpcLimits } from './limits.js';

/** What all pages of a server share. */
export interface PageServices {
  /** Makes a connection in memory to what answers HTTP/1.1 on the port. */
  readonly connect: () => Duplex;
  readonly running: Pick<RunningCalls, 'pages'>;
  readonly limits: Pick<GrpcLimits, 'pagesInFlightMax'>;
}

/** Of the work of a turn: a page takes as long as some hundred small calls. */
const pageCost = 1024;

/** Most of it are the objects of node:http for both ends. */
const footprintBytes = 10 * 1024;

/**
 * A request over HTTP/2 that is no gRPC: answered with what the HTTP/1.1 listener says to it. Browsers that come over
 * TLS choose HTTP/2. Such requests are few, so that they may cost what node:http costs.
 */
export class Page implements StreamOpener {
  heldBytes = 0;
  readonly cost = pageCost;
  readonly #services: PageServices;
  readonly #fields: RequestFields;

  constructor(services: PageServices, fields: RequestFields) {
    this.#services = services;
    this.#fields = fields;
  }

  open(owner: StreamOwner, id: number, windows: StreamWindows): Stream {
    return new PageStream(owner, id, windows, this.#services, this.#fields);
  }
}

class PageStream extends Stream {
  readonly busy = false;
  readonly footprintBytes = footprintBytes;
  readonly #services: PageServices;
  readonly #fields: RequestFields;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;

  constructor(
    owner: StreamOwner,
    id: number,
    windows: StreamWindows,
    services: PageServices,
    fields: RequestFields,
  ) {
    super(owner, id, windows, fields.contentLength);
    this.#services = services;
    this.#fields = fields;
  }

  opened(): void {
    const { running, limits } = this.#services;
    if (running.pages >= limits.pagesInFlightMax) {
      this.owner.sendHeaders(this, [':status', '503', 'retry-after', '1'], true);
      return;
    }
    try {
      this.#request = this.#ask();
      running.pages++;
      this.#request.once('close', () => running.pages--);
    } catch {
      // node:http takes fewer octets in paths and fields than RFC 9113 does.
      this.owner.sendHeaders(this, [':status', '400'], true);
      return;
    }
    this.#request.on('response', (response) => this.#answer(response));
    this.#request.on('error', () => this.#fail());
  }

  #ask(): ClientRequest {
    const { method, path, authority, regular } = this.#fields;
    const headers = ['host', authority ?? 'localhost', 'connection', 'close'];
    for (let at = 0; at < regular.length; at += 2) {
      // What content the request has is not passed on.
      if (!['host', 'te', 'content-length', 'expect'].includes(regular[at]!)) {
        headers.push(regular[at]!, regular[at + 1]!);
      }
    }
    return httpRequest({ createConnection: this.#services.connect, method, path: path!, headers }).end();
  }

  #answer(response: IncomingMessage): void {
    if (this.gone) return;
    this.#response = response;
    const { statusCode, rawHeaders } = response;
    const headers = [':status', String(statusCode)];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at]!.toLowerCase();
      if (!isConnectionField(name)) headers.push(name, rawHeaders[at + 1]!);
    }
    this.owner.sendHeaders(this, headers, false);
    response.on('data', (chunk: Buffer) => {
      this.owner.sendContent(this, chunk, false);
      if (this.slow) response.pause();
    });
    response.on('end', () => this.owner.sendContent(this, new Uint8Array(0), true));
    response.on('error', () => this.#fail());
  }

  #fail(): void {
    this.owner.reset(this, errorCode.internalError);
  }

  data(_bytes: Buffer, from: number, to: number): void {
    if (to > from) this.owner.credit(this, to - from);
  }

  aborted(): void {
    this.#request?.destroy();
  }

  drained(): void {
    this.#response?.resume();
  }

  /** It has an end of its own. */
  serverStops(): void {}
}
