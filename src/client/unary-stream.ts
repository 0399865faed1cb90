import {
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { errorCodeKey, outcomeKey } from '../base/errors.js';
import { clusterField, parseId, type ClusterId } from '../base/ids.js';
import type { ClusterIdentity } from './cluster-identity.js';
import {
  CallFailure,
  ending,
  httpFailure,
  lost,
  noRoom,
  timedOut,
  tooLong,
  wrongMessage,
} from './failure.js';
import { ResponseMessage } from './response-message.js';

/** A method of a service, as it stands in the request's path. */
export type MethodPath = `/${string}/${string}`;

export interface UnaryRequest {
  readonly endpoint: string;
  readonly path: MethodPath;
  readonly message: Uint8Array;
  /** The server is told, and ends its own wait a little earlier. */
  readonly timeoutMs: number;
  readonly responseSizeBytesMax: number;
  readonly cluster: ClusterIdentity;
  /** Which cluster the server says that it serves. */
  readonly told: (cluster: ClusterId | undefined) => void;
  /** The highest stream that the server has looked at, once it has said that it goes away; else Infinity. */
  readonly lastHandled: () => number;
}

export type Settle = (failure: CallFailure | undefined, response?: Buffer) => void;

type Fields = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** One unary call of gRPC on an HTTP/2 connection (PROTOCOL-HTTP2.md of gRPC). Settles once. */
export class UnaryStream {
  readonly #request: UnaryRequest;
  readonly #settle: Settle;
  readonly #stream: ClientHttp2Stream;
  readonly #message: ResponseMessage;
  readonly #timer: NodeJS.Timeout;
  #status: Fields | undefined;
  #ended = false;
  #settled = false;

  /** @throws whatever Node throws when the connection takes no more streams: nothing was sent then */
  constructor(session: ClientHttp2Session, request: UnaryRequest, settle: Settle) {
    const { endpoint, path, message, timeoutMs, responseSizeBytesMax, cluster } = request;
    this.#request = request;
    this.#settle = settle;
    this.#message = new ResponseMessage(responseSizeBytesMax);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      ':authority': endpoint,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': grpcTimeout(timeoutMs),
      'user-agent': 'kvorum-client',
      ...(cluster.text === undefined ? undefined : { [clusterField]: cluster.text }),
    });
    this.#stream = stream;
    this.#timer = setTimeout(() => this.abandon(timedOut(endpoint)), Math.max(1, timeoutMs));
    stream.on('response', (fields) => this.#onResponse(fields));
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('trailers', (fields: Fields) => this.#onStatus(fields));
    stream.on('end', () => {
      this.#ended = true;
      this.#settleIfWhole();
    });
    // The end that follows tells all there is to tell.
    stream.on('error', () => {});
    // A GOAWAY that ended it is told a little later.
    stream.on('close', () => void setImmediate(() => this.#onClosed()));
    stream.cork();
    stream.write(messageHead(message.length));
    stream.end(message);
  }

  abandon(failure: CallFailure): void {
    if (this.#settled) return;
    this.#finish(failure);
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onResponse(fields: Fields): void {
    const { endpoint, cluster } = this.#request;
    const httpStatus = fields[':status'];
    const told = parseId(fields[clusterField]);
    const wrong = cluster.objection(endpoint, told);
    this.#request.told(told);
    // Its own refusal says for certain that nothing was done.
    if (wrong !== undefined && fields[errorCodeKey] !== wrong.code) {
      this.abandon(new CallFailure(wrong, fields[outcomeKey] === 'not-applied' ? 'not-applied' : 'unknown'));
    } else if (fields['grpc-status'] !== undefined) this.#onStatus(fields);
    else if (httpStatus !== 200) this.abandon(httpFailure(endpoint, `HTTP status ${httpStatus}`, httpStatus));
    else if (fields['content-type']?.startsWith('application/grpc') !== true) {
      this.abandon(httpFailure(endpoint, contentText(fields['content-type'])));
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#settled) return;
    const wrong = this.#message.push(chunk);
    const { endpoint, responseSizeBytesMax } = this.#request;
    if (wrong === 'too long') this.abandon(tooLong(this.#message.sizeBytes, responseSizeBytesMax));
    else if (wrong !== undefined) this.abandon(wrongMessage(endpoint, wrong));
  }

  #onStatus(fields: Fields): void {
    this.#status = fields;
    this.#settleIfWhole();
  }

  /** The last of the message may come behind the status. */
  #settleIfWhole(): void {
    const status = this.#status;
    if (this.#settled || !this.#ended || status === undefined) return;
    const { endpoint } = this.#request;
    const failure = ending(status, endpoint);
    const response = failure === undefined ? this.#message.whole() : undefined;
    if (failure !== undefined) this.#finish(failure);
    else if (response === undefined) this.#finish(wrongMessage(endpoint, 'the answer is cut off'));
    else this.#finish(undefined, response);
  }

  #onClosed(): void {
    if (this.#settled) return;
    const { endpoint, lastHandled } = this.#request;
    const { id, rstCode } = this.#stream;
    if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.#finish(noRoom(endpoint));
    else {
      const unhandled = id === undefined || id > lastHandled();
      const refused = unhandled || rstCode === constants.NGHTTP2_REFUSED_STREAM;
      this.#finish(lost(endpoint, refused ? 'not-applied' : 'unknown'));
    }
  }

  #finish(failure: CallFailure | undefined, response?: Buffer): void {
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#settle(failure, response);
  }
}

function contentText(type: string | undefined): string {
  return type === undefined ? 'content of no type' : `content of type ${type}`;
}

/** Not packed, and the length in four bytes. */
function messageHead(sizeBytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(sizeBytes, 1);
  return head;
}

const timeoutDigitsMax = 8;

/** Whole milliseconds; whole seconds where those have too many digits. */
function grpcTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.floor(timeoutMs));
  return ms < 10 ** timeoutDigitsMax ? `${ms}m` : `${Math.floor(ms / 1000)}S`;
}
