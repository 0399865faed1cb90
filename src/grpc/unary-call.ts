import { assert } from '../base/assert.js';
import type { Completion } from '../base/completion.js';
import type { BoundUnaryMethod } from '../base/rpc.js';
import { StatusError } from '../base/status.js';
import { Call, type CallHead } from './call.js';
import type { CallServices } from './call-services.js';
import type { StreamWindows } from './http2/request-blocks.js';
import type { StreamOwner } from './http2/stream.js';
import { limitExceeded } from './limits.js';
import { detached, MessageReader, soleMessage } from './message-reader.js';
import { okStatus } from './status.js';

/** One request, one response. */
export class UnaryCall extends Call implements Completion<Uint8Array> {
  readonly #method: BoundUnaryMethod;
  #request: Uint8Array | undefined;
  #compressed = false;
  /** For a request that is not the whole of one frame. */
  #reader: MessageReader | undefined;

  constructor(
    owner: StreamOwner,
    id: number,
    windows: StreamWindows,
    head: CallHead,
    services: CallServices,
    method: BoundUnaryMethod,
  ) {
    super(owner, id, windows, head, services);
    this.#method = method;
  }

  opened(): void {}

  data(bytes: Buffer, from: number, to: number, last: boolean): void {
    if (this.over) return;
    const good = from === to || this.#take(bytes, from, to, last);
    if (last && good) this.#run();
  }

  /** @returns false if that ended the call */
  #take(bytes: Buffer, from: number, to: number, last: boolean): boolean {
    if (this.#reader === undefined && this.#request === undefined) {
      const sole = soleMessage(bytes, from, to, this.services.limits.requestSizeBytesMax);
      if (sole !== undefined) {
        this.#request = last ? sole : detached(sole);
        return true;
      }
    }
    const reader = (this.#reader ??= new MessageReader(this.services.limits.requestSizeBytesMax));
    reader.push(bytes, from, to);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if ('kind' in message) {
        this.failMessage(message);
        return false;
      }
      if (this.#request !== undefined) {
        this.fail(new StatusError('UNIMPLEMENTED', 'more than one request message for a unary method'));
        return false;
      }
      this.#request = message.bytes;
      this.#compressed = message.compressed;
    }
    this.holdBytes(reader.heldBytes);
    this.messageSinceMs = reader.partial ? this.messageSinceMs || this.owner.nowMs() : 0;
    this.owner.credit(this, to - from);
    return true;
  }

  #run(): void {
    if (this.#reader?.partial === true) {
      this.fail(new StatusError('INTERNAL', 'the request ends within a message'));
      return;
    }
    const request = this.#request;
    if (request === undefined) {
      this.fail(new StatusError('UNIMPLEMENTED', 'no request message for a unary method'));
      return;
    }
    const { running, limits } = this.services;
    if (running.unary >= limits.requestsInFlightMax) {
      const what = `${running.unary} requests are being worked on`;
      this.fail(limitExceeded('requestsInFlightMax', what, limits.requestsInFlightMax));
      return;
    }
    running.unary++;
    this.busy = true;
    this.holdBytes(request.length);
    if (this.#compressed) this.#runUnpacked(request);
    else this.#call(request);
  }

  #runUnpacked(request: Uint8Array): void {
    if (!this.head.gzip) {
      this.reject(new StatusError('INTERNAL', 'a compressed message without grpc-encoding'));
      return;
    }
    this.services.compression.unpack(request, this.services.limits.requestSizeBytesMax).then(
      (unpacked) => {
        // Its caller may have gone meanwhile.
        if (this.over) this.#ended();
        else this.#call(unpacked);
      },
      (error: unknown) => this.reject(error),
    );
  }

  #call(request: Uint8Array): void {
    let response: Uint8Array | Promise<Uint8Array> | undefined;
    try {
      response = this.#method.call(request, this, this);
    } catch (error) {
      this.reject(error);
      return;
    }
    if (response === undefined) return;
    if (response instanceof Uint8Array) this.resolve(response);
    else {
      response.then(
        (answer) => this.resolve(answer),
        (error: unknown) => this.reject(error),
      );
    }
  }

  resolve(response: Uint8Array): void {
    if (response.length >= this.services.limits.compressedSizeBytesMin && this.compressesResponses) {
      this.#answerPacked(response);
      return;
    }
    this.#ended();
    const error = this.checkResponse(response);
    if (error !== undefined) this.fail(error);
    else if (this.settle()) {
      this.owner.sendReply(this, this.beginResponse(), response, this.trailersOf(okStatus));
    }
  }

  #answerPacked(response: Uint8Array): void {
    const error = this.checkResponse(response);
    if (error !== undefined || this.over) {
      this.reject(error);
      return;
    }
    this.services.compression.pack(response).then(
      (packed) => {
        this.#ended();
        if (!this.settle()) return;
        this.owner.sendHeaders(this, this.beginResponse(), false);
        this.owner.sendMessage(this, packed, true);
        this.owner.sendHeaders(this, this.trailersOf(okStatus), true);
      },
      (packError: unknown) => this.reject(packError),
    );
  }

  reject(error: unknown): void {
    this.#ended();
    this.fail(error);
  }

  #ended(): void {
    assert(this.busy, 'a call is answered once');
    this.busy = false;
    this.services.running.unary--;
    if (this.gone) this.owner.settled(this);
  }

  /** It has an end of its own, and time for it. */
  serverStops(): void {}

  drained(): void {}

  protected interrupted(): void {}
}
