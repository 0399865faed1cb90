import type { BoundStreamMethod, ResponseWriter } from '../base/rpc.js';
import { StatusError } from '../base/status.js';
import { Call, type CallHead } from './call.js';
import type { CallServices } from './call-services.js';
import type { StreamWindows } from './http2/request-blocks.js';
import type { StreamOwner } from './http2/stream.js';
import { IncomingMessages } from './incoming-messages.js';
import { MessageReader } from './message-reader.js';
import { okStatus } from './status.js';

const prefixSizeBytes = 5;

/** The call, its reader, its list of messages and the handler's promises. */
const footprintBytes = 3072;

/** What a message costs that the handler has not taken, beside its bytes. */
const messageOverheadBytes = 224;

/** Many requests, many responses, or both. */
export class StreamingCall extends Call implements ResponseWriter<Uint8Array> {
  readonly footprintBytes = footprintBytes;
  readonly #method: BoundStreamMethod;
  readonly #reader: MessageReader;
  readonly #incoming: IncomingMessages;
  /** Received, and neither taken by the handler nor given back to the caller's window. */
  #untakenBytes = 0;
  #room: { readonly promise: Promise<void>; resolve(): void; reject(error: Error): void } | undefined;
  /** Compressed responses on their way, in order. */
  #packing: Promise<void> | undefined;
  #packingBytes = 0;
  #requests = 0;

  constructor(
    owner: StreamOwner,
    id: number,
    windows: StreamWindows,
    head: CallHead,
    services: CallServices,
    method: BoundStreamMethod,
  ) {
    super(owner, id, windows, head, services);
    this.#method = method;
    this.#reader = new MessageReader(services.limits.requestSizeBytesMax);
    this.#incoming = new IncomingMessages(
      (sizeBytes) => this.#taken(sizeBytes),
      (bytes) => {
        const { requestSizeBytesMax } = services.limits;
        return services.compression.unpack(bytes, requestSizeBytesMax, owner.share, this.signal);
      },
    );
  }

  opened(): void {
    const { running, shares } = this.services;
    const refusal = shares.refusesStreaming(running.streaming, this.owner.share);
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    // A server-streaming method is called when its one request is complete.
    if (this.#method.kind !== 'server-stream') this.#run();
    else this.messageSinceMs = this.owner.nowMs();
  }

  // Requests

  data(bytes: Buffer, from: number, to: number, last: boolean): void {
    if (this.over) return;
    this.#reader.push(bytes, from, to);
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      if ('kind' in message) {
        this.failMessage(message);
        return;
      }
      if (message.compressed && !this.head.gzip) {
        this.refuse(new StatusError('INTERNAL', 'a compressed message without grpc-encoding'));
        return;
      }
      this.#requests++;
      this.#incoming.push(message.bytes, message.compressed);
      // The handler may have ended the call.
      if (this.over as boolean) return;
    }
    this.#count(to - from);
    if (last) this.#ended();
  }

  #count(receivedBytes: number): void {
    const awaited = this.#reader.partial || !this.busy;
    this.messageSinceMs = awaited ? this.messageSinceMs || this.owner.nowMs() : 0;
    this.#untakenBytes += receivedBytes;
    this.#giveBack(0);
    if (this.#incoming.length === 0) this.owner.expect(this, this.#reader.missingBytes);
  }

  /** While messages wait, the caller's window opens by what leaves; a message that is incomplete must go on. */
  #giveBack(takenBytes: number): void {
    const waiting = this.#incoming.length > 0;
    const credit = waiting ? Math.min(takenBytes, this.#untakenBytes) : this.#untakenBytes;
    this.#untakenBytes -= credit;
    const overheadBytes = this.#incoming.length * messageOverheadBytes;
    this.holdBytes(this.#untakenBytes + this.#reader.heldBytes + overheadBytes);
    if (credit > 0) this.owner.credit(this, credit);
  }

  #taken(sizeBytes: number): void {
    if (!this.over) this.#giveBack(sizeBytes + prefixSizeBytes);
  }

  #ended(): void {
    this.messageSinceMs = 0;
    if (this.#reader.partial) {
      this.refuse(new StatusError('INTERNAL', 'the request ends within a message'));
      return;
    }
    if (this.#method.kind === 'server-stream') {
      if (this.#requests !== 1) {
        const message = `${this.#requests} request messages for a method that takes one`;
        this.fail(new StatusError('UNIMPLEMENTED', message));
        return;
      }
      this.#incoming.end();
      this.#run();
    } else this.#incoming.end();
  }

  #run(): void {
    this.services.running.streaming++;
    this.owner.share.streaming++;
    this.busy = true;
    this.#called().then(
      () => {
        this.#stopped();
        this.#afterPacking(() => {
          if (!this.over && !this.headersSent) this.owner.sendHeaders(this, this.beginResponse(), false);
          this.end(okStatus);
        });
      },
      (error: unknown) => {
        this.#stopped();
        this.#afterPacking(() => this.fail(error));
      },
    );
  }

  /** A handler may throw before it has given its promise. */
  async #called(): Promise<void> {
    return this.#method.call(this.#incoming, this, this);
  }

  #stopped(): void {
    this.handlerEnded();
    const { running, shares } = this.services;
    running.streaming--;
    this.owner.share.streaming--;
    shares.ended(this.owner.share);
    if (this.gone) this.owner.settled(this);
  }

  // Responses

  start(): void {
    if (!this.over && !this.headersSent) this.owner.sendHeaders(this, this.beginResponse(), false);
  }

  write(response: Uint8Array): boolean {
    if (this.over) return false;
    const error = this.checkResponse(response);
    if (error !== undefined) {
      this.fail(error);
      return false;
    }
    this.start();
    const packed = this.compressesResponses && response.length >= this.services.limits.compressedSizeBytesMin;
    if (packed) this.#pack(response);
    else this.#afterPacking(() => this.#send(response, false));
    return !this.#isSlow;
  }

  #send(response: Uint8Array, compressed: boolean): void {
    if (!this.over) this.owner.sendMessage(this, response, compressed);
  }

  get #isSlow(): boolean {
    return this.slow || this.#packingBytes > packingBytesMark;
  }

  #pack(response: Uint8Array): void {
    this.#packingBytes += response.length;
    const before = this.#packing ?? Promise.resolve();
    const packing = Promise.all([
      this.services.compression.pack(response, this.owner.share, this.signal),
      before,
    ]).then(
      ([packed]) => this.#send(packed, true),
      (error: unknown) => this.refuse(error as Error),
    );
    this.#packing = packing.then(() => {
      this.#packingBytes -= response.length;
      this.drained();
    });
  }

  #afterPacking(action: () => void): void {
    if (this.#packingBytes === 0) action();
    else this.#packing = this.#packing!.then(action);
  }

  ready(): Promise<void> {
    if (this.cutShort !== undefined) return Promise.reject(this.cutShort);
    if (this.over) return Promise.reject(new StatusError('CANCELLED', 'the call is over'));
    if (!this.#isSlow) return Promise.resolve();
    if (this.#room === undefined) {
      let settle: { resolve(): void; reject(error: Error): void } | undefined;
      const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
      this.#room = { promise, ...settle! };
    }
    return this.#room.promise;
  }

  drained(): void {
    if (this.#isSlow) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  serverStops(): void {
    this.stop();
  }

  protected interrupted(reason: Error): void {
    this.#incoming.fail(reason);
    if (this.#room === undefined) return;
    // Nobody need be waiting for it any more.
    this.#room.promise.catch(() => {});
    this.#room.reject(reason);
    this.#room = undefined;
  }
}

/** Of responses that are being compressed; past it the handler is told to wait. */
const packingBytesMark = 256 * 1024;
