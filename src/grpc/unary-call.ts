import { assert } from '../base/assert.js';
import type { AnswerMaker, BoundUnaryMethod, UnaryCompletion } from '../base/rpc.js';
import { StatusError } from '../base/status.js';
import { Call, type CallHead } from './call.js';
import type { CallServices } from './call-services.js';
import type { StreamWindows } from './http2/request-blocks.js';
import type { WaitingAnswer } from './http2/answer-turns.js';
import type { PinnedChunk, StreamOwner } from './http2/stream.js';
import { limitExceeded } from './limits.js';
import { MessageReader, soleMessage } from './message-reader.js';
import { okStatus } from './status.js';

/** The call, its place in tables, and the promises or waiters of its handler. */
const footprintBytes = 448;

/** What a request costs that waits or comes in parts, beside its bytes: its reader. */
const requestOverheadBytes = 320;

/** One request, one response. */
export class UnaryCall extends Call implements UnaryCompletion, WaitingAnswer {
  readonly footprintBytes = footprintBytes;
  readonly #method: BoundUnaryMethod;
  #request: Uint8Array | undefined;
  #compressed = false;
  /** For a request that is not the whole of one frame. */
  #reader: MessageReader | undefined;
  /** What the request is a view of. */
  #chunk: PinnedChunk | undefined;
  /** What will make the answer, when there is room. */
  #maker: AnswerMaker | undefined;

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

  /** From here on: a request that never begins is as bad as one that never ends. */
  opened(): void {
    if (!this.receiveClosed) this.messageSinceMs = this.owner.nowMs();
  }

  data(bytes: Buffer, from: number, to: number, last: boolean): void {
    if (this.over) return;
    const good = from === to || this.#take(bytes, from, to, last);
    if (!last || !good) return;
    this.messageSinceMs = 0;
    this.#run();
    // A handler that has answered has no use for the request any more.
    if (!(this.over as boolean) && this.#reader === undefined) this.#holdView(bytes);
  }

  #holdView(bytes: Buffer): void {
    this.#chunk = this.owner.pin(bytes);
    if (this.#chunk === undefined) this.holdBytes(this.#request!.length);
  }

  /** @returns false if that ended the call */
  #take(bytes: Buffer, from: number, to: number, last: boolean): boolean {
    if (this.#reader === undefined && this.#request === undefined && last) {
      this.#request = soleMessage(bytes, from, to, this.services.limits.requestSizeBytesMax);
      if (this.#request !== undefined) return true;
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
    this.holdBytes(requestOverheadBytes + reader.heldBytes + (this.#request?.length ?? 0));
    this.owner.credit(this, to - from);
    if (!last) this.owner.expect(this, reader.missingBytes);
    return true;
  }

  #run(): void {
    if (this.#reader?.partial === true) {
      this.fail(new StatusError('INTERNAL', 'the request ends within a message'));
      return;
    }
    if (this.#request === undefined) {
      this.fail(new StatusError('UNIMPLEMENTED', 'no request message for a unary method'));
      return;
    }
    // Who does not take what he asked for is not asked what he wants more.
    if (this.owner.answersFull) this.owner.awaitAnswer(this);
    else this.#begin(this.#request);
  }

  #begin(request: Uint8Array): void {
    const { running, shares } = this.services;
    const { share } = this.owner;
    const refusal = shares.refusesUnary(running.unary, share, this.#method.reserved === true);
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    running.unary++;
    share.unary++;
    this.busy = true;
    if (this.#compressed) this.#runUnpacked(request);
    else this.#call(request);
  }

  #runUnpacked(request: Uint8Array): void {
    if (!this.head.gzip) {
      this.reject(new StatusError('INTERNAL', 'a compressed message without grpc-encoding'));
      return;
    }
    const { limits, compression } = this.services;
    if (this.owner.memorySpent) {
      const what = 'too much is held to unpack the request';
      this.reject(limitExceeded('memoryBytesMax', what, limits.memoryBytesMax));
      return;
    }
    compression.unpack(request, limits.requestSizeBytesMax, this.owner.share, this.signal).then(
      (unpacked) => {
        // Its caller may have gone meanwhile.
        if (this.over) this.#ended();
        else {
          this.#request = unpacked;
          this.holdBytes(requestOverheadBytes + unpacked.length);
          this.#call(unpacked);
        }
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

  resolveWith(maker: AnswerMaker): void {
    if (this.over) this.#ended();
    else if (this.owner.takeAnswer()) this.#make(maker);
    else {
      this.#maker = maker;
      this.owner.awaitAnswer(this);
    }
  }

  /** Its turn has come: for its answer, or, where it has not begun, for itself. */
  makeAnswer(): boolean {
    const maker = this.#maker;
    this.#maker = undefined;
    if (maker !== undefined) this.#make(maker);
    else this.#begin(this.#request!);
    return !this.busy;
  }

  #make(maker: AnswerMaker): void {
    let response: Uint8Array | undefined;
    try {
      response = maker.makeAnswer();
    } catch (error) {
      this.reject(error);
      return;
    }
    if (response !== undefined) this.resolve(response);
  }

  /** Called from wherever the answer is made: what is wrong with it must not end that. */
  resolve(response: Uint8Array): void {
    try {
      this.#answer(response);
    } catch (error) {
      if (this.busy) this.#ended();
      this.failed(error);
    }
  }

  #answer(response: Uint8Array): void {
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
    this.services.compression.pack(response, this.owner.share, this.signal).then(
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
    try {
      this.#ended();
      this.fail(error);
    } catch (bug) {
      this.failed(bug);
    }
  }

  #ended(): void {
    assert(this.busy, 'a call is answered once');
    this.handlerEnded();
    const { running, shares } = this.services;
    running.unary--;
    this.owner.share.unary--;
    shares.ended(this.owner.share);
    if (this.gone) this.owner.settled(this);
  }

  /** It has an end of its own, and time for it. */
  serverStops(): void {}

  drained(): void {}

  protected override letGo(): void {
    super.letGo();
    if (this.#chunk === undefined) return;
    this.owner.unpin(this.#chunk);
    this.#chunk = undefined;
  }

  protected interrupted(): void {
    // The handler has done its part.
    if (this.#maker !== undefined) this.#ended();
    this.#maker = undefined;
  }
}
