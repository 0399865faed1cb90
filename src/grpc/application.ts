import { echoed } from '../base/echo.js';
import type { BoundMethod, Service } from '../base/rpc.js';
import { KvorumError } from '../base/errors.js';
import { Metadata, type ReadonlyMetadata } from '../base/metadata.js';
import { type CallStatus } from '../base/status.js';
import type { CallHead } from './call.js';
import type { CallServices } from './call-services.js';
import type { Http2Application, StreamOpener, StreamWindows } from './http2/request-blocks.js';
import type { RequestFields } from './http2/request-fields.js';
import { Stream, type StreamOwner } from './http2/stream.js';
import { limitExceeded } from './limits.js';
import { hasMalformedBytes, toMetadata } from './metadata-fields.js';
import { Page, type PageServices } from './pages.js';
import { trailerFields } from './status.js';
import { StreamingCall } from './streaming-call.js';
import { parseTimeout } from './timeout.js';
import { UnaryCall } from './unary-call.js';

/** `application/grpc`, with a subtype for the messages or with parameters. */
const grpcContentType = /^application\/grpc(?:[+;]|$)/;

/** Which method a request is for, and what its header fields say (the gRPC protocol over HTTP/2). */
export class GrpcApplication implements Http2Application {
  readonly #methods = new Map<string, BoundMethod>();
  readonly #services: CallServices;
  readonly #pages: PageServices | undefined;
  #overrun: StreamOpener | undefined;

  /** @param pages to what answers requests that are no gRPC */
  constructor(services: readonly Service[], callServices: CallServices, pages?: PageServices) {
    this.#services = callServices;
    this.#pages = pages;
    for (const { name, methods } of services) {
      for (const method of methods) this.#methods.set(`/${name}/${method.name}`, method);
    }
  }

  request(request: RequestFields): StreamOpener {
    const { method: verb, path, regular, contentLength } = request;
    if (this.#pages !== undefined && (verb === 'GET' || verb === 'HEAD'))
      return new Page(this.#pages, request);
    const fields = new Map<string, string>();
    for (let at = 0; at < regular.length; at += 2) fields.set(regular[at]!, regular[at + 1]!);
    if (verb !== 'POST') return new Refusal([':status', '405', 'allow', 'POST']);
    if (!grpcContentType.test(fields.get('content-type') ?? '')) {
      return new Refusal([':status', '415', 'accept-post', 'application/grpc']);
    }
    const method = this.#methods.get(path ?? '');
    if (method === undefined) {
      return this.#refusalWith({ status: 'UNIMPLEMENTED', message: `unknown method ${echoed(path ?? '')}` });
    }
    const timeout = fields.get('grpc-timeout');
    const timeoutMs = timeout === undefined ? undefined : parseTimeout(timeout);
    if (timeout !== undefined && timeoutMs === undefined) {
      return this.#refusalWith({
        status: 'INTERNAL',
        message: `grpc-timeout is malformed: ${echoed(timeout)}`,
      });
    }
    const encoding = fields.get('grpc-encoding') ?? 'identity';
    if (encoding !== 'identity' && encoding !== 'gzip') {
      const status: CallStatus = {
        status: 'UNIMPLEMENTED',
        message: `grpc-encoding ${echoed(encoding)} is not supported`,
      };
      return this.#refusalWith(status, ['grpc-accept-encoding', 'identity,gzip']);
    }
    if (hasMalformedBytes(regular)) {
      return this.#refusalWith({ status: 'INTERNAL', message: 'metadata that ends in -bin is not base64' });
    }
    const objection = this.#services.objection?.(fields);
    if (objection !== undefined) return this.#refusal(objection);
    const acceptsGzip = (fields.get('grpc-accept-encoding') ?? '')
      .split(',')
      .some((name) => name.trim() === 'gzip');
    return new Opener(this.#services, method, {
      path: path!,
      contentLength,
      timeoutMs,
      gzip: encoding === 'gzip',
      acceptsGzip,
      regular,
    });
  }

  headersTooLarge(): StreamOpener {
    const { headerListSizeBytesMax } = this.#services.limits;
    const what = 'the header list is too large';
    return this.#refusal(limitExceeded('headerListSizeBytesMax', what, headerListSizeBytesMax));
  }

  overrun(): StreamOpener {
    const { burst, perSecond } = this.#services.limits.resetRate;
    const message =
      'calls of this connection are cancelled faster than they end (streamsPerConnectionMax), ' +
      `or than the limit, ${burst} and ${perSecond} more a second (resetRate)`;
    return (this.#overrun ??= this.#refusal(new KvorumError('LIMIT_EXCEEDED', message)));
  }

  #refusal(error: Error): StreamOpener {
    const trailers = new Metadata();
    return this.#refusalWith(
      this.#services.statusOf(error, () => trailers)!,
      [],
      trailers,
    );
  }

  #refusalWith(status: CallStatus, fields: readonly string[] = [], trailers?: Metadata): StreamOpener {
    return new Refusal([...this.#services.responseFields, ...trailerFields(status, trailers), ...fields]);
  }
}

/** Of the work of a turn: a call that streams takes as long as some fifty small ones, with its generators. */
const streamingCost = 512;

/** Opens calls of one method with one header list. */
class Opener implements StreamOpener, CallHead {
  heldBytes = 0;
  readonly cost: number;
  readonly path: string;
  readonly contentLength: number;
  readonly timeoutMs: number | undefined;
  readonly gzip: boolean;
  readonly acceptsGzip: boolean;
  readonly #services: CallServices;
  readonly #method: BoundMethod;
  readonly #regular: readonly string[];
  #metadata: ReadonlyMetadata | undefined;

  constructor(
    services: CallServices,
    method: BoundMethod,
    head: Omit<CallHead, 'metadata'> & { readonly regular: readonly string[] },
  ) {
    this.#services = services;
    this.#method = method;
    this.cost = method.kind === 'unary' ? 0 : streamingCost;
    this.path = head.path;
    this.contentLength = head.contentLength;
    this.timeoutMs = head.timeoutMs;
    this.gzip = head.gzip;
    this.acceptsGzip = head.acceptsGzip;
    this.#regular = head.regular;
  }

  /** Few handlers ask. */
  get metadata(): ReadonlyMetadata {
    return (this.#metadata ??= toMetadata(this.#regular));
  }

  open(owner: StreamOwner, id: number, windows: StreamWindows): Stream {
    const method = this.#method;
    return method.kind === 'unary'
      ? new UnaryCall(owner, id, windows, this, this.#services, method)
      : new StreamingCall(owner, id, windows, this, this.#services, method);
  }
}

/** Answers without reading what the request carries. */
class Refusal implements StreamOpener {
  heldBytes = 0;
  readonly cost = 0;
  readonly #fields: readonly string[];

  constructor(fields: readonly string[]) {
    this.#fields = Object.freeze(fields);
  }

  open(owner: StreamOwner, id: number, windows: StreamWindows): Stream {
    return new RefusedStream(owner, id, windows, this.#fields);
  }
}

const refusedFootprintBytes = 384;

class RefusedStream extends Stream {
  readonly busy = false;
  readonly footprintBytes = refusedFootprintBytes;
  readonly #fields: readonly string[];

  constructor(owner: StreamOwner, id: number, windows: StreamWindows, fields: readonly string[]) {
    super(owner, id, windows, -1);
    this.#fields = fields;
  }

  opened(): void {
    this.owner.sendHeaders(this, this.#fields, true);
  }

  data(): void {}
  aborted(): void {}
  serverStops(): void {}
  drained(): void {}
}
