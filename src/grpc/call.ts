import { KvorumError } from '../base/errors.js';
import { Metadata, type ReadonlyMetadata } from '../base/metadata.js';
import { handlerTimeoutMs, type CallContext } from '../base/rpc.js';
import { StatusError, type CallStatus } from '../base/status.js';
import type { CallServices } from './call-services.js';
import type { Timed } from './deadlines.js';
import { errorCode } from './http2/protocol.js';
import type { StreamWindows } from './http2/request-blocks.js';
import type { WaitingAnswer } from './http2/answer-turns.js';
import { Stream, type StreamOwner } from './http2/stream.js';
import { limitExceeded, requestTooLarge } from './limits.js';
import type { MessageFault } from './message-reader.js';
import { metadataFields } from './metadata-fields.js';
import { trailerFields } from './status.js';

/** The same for all: an error notes where it was made, which takes longer than all else when thousands end at once. */
const serverStopping = new KvorumError('MEMBER_STOPPING', 'the server is stopping');
const callerCancelled = new KvorumError('CANCELLED', 'the caller cancelled');
const connectionLost = new KvorumError('CANCELLED', 'the connection to the caller was lost');

/** What the header list of a call says; calls with the same list share one. */
export interface CallHead {
  readonly path: string;
  readonly contentLength: number;
  readonly timeoutMs: number | undefined;
  /** Messages may come compressed. */
  readonly gzip: boolean;
  readonly acceptsGzip: boolean;
  readonly metadata: ReadonlyMetadata;
}

/**
 * One gRPC call: its deadline, its cancellation, what it knows of its caller, and how it ends. It is a stream
 * of the connection and the handler's context in one, so that a call costs one object.
 */
export abstract class Call extends Stream implements CallContext, Timed {
  readonly head: CallHead;
  readonly services: CallServices;
  /** The caller has its status, or cannot be told any more. */
  over = false;
  /** The handler has been called and has not ended. */
  busy = false;
  #requestHeldBytes = 0;
  #gatheredBytes = 0;
  /** None, unless the caller takes his answers slowly. */
  #awaitedRooms: AwaitedRoom[] | undefined;
  #headersSent = false;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #responseMetadata: Metadata | undefined;
  #trailers: Metadata | undefined;

  readonly dueMs: number;
  previousTimed: Timed | undefined = undefined;
  nextTimed: Timed | undefined = undefined;
  timedSlot = -1;

  constructor(
    owner: StreamOwner,
    id: number,
    windows: StreamWindows,
    head: CallHead,
    services: CallServices,
  ) {
    super(owner, id, windows, head.contentLength);
    this.head = head;
    this.services = services;
    this.dueMs = head.timeoutMs === undefined ? Infinity : owner.nowMs() + head.timeoutMs;
    if (head.timeoutMs !== undefined) services.deadlines.add(this);
  }

  // The handler's context

  /** Made on demand: most calls end before anyone has to wait. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get timeoutMs(): number | undefined {
    return this.dueMs === Infinity ? undefined : handlerTimeoutMs(this.dueMs - performance.now());
  }

  get connection(): object {
    return this.owner;
  }

  get metadata(): ReadonlyMetadata {
    return this.head.metadata;
  }

  get responseMetadata(): Metadata {
    return (this.#responseMetadata ??= new Metadata());
  }

  get trailers(): Metadata {
    return (this.#trailers ??= new Metadata());
  }

  /** Why the call was cut short; undefined if it was not. */
  get cutShort(): Error | undefined {
    return this.#reason;
  }

  // For the kinds of calls

  /** Keeps count of the bytes of requests that this call keeps in memory. */
  holdBytes(sizeBytes: number): void {
    if (sizeBytes === this.#requestHeldBytes) return;
    this.hold(sizeBytes - this.#requestHeldBytes);
    this.#requestHeldBytes = sizeBytes;
  }

  /** Nobody needs what came as a request any more. */
  protected letGo(): void {
    this.holdBytes(0);
  }

  /** @returns the header list that begins the response */
  beginResponse(): readonly string[] {
    this.#headersSent = true;
    const { responseFields } = this.services;
    if (this.#responseMetadata === undefined && !this.compressesResponses) return responseFields;
    const fields = [...responseFields];
    if (this.compressesResponses) fields.push('grpc-encoding', 'gzip');
    if (this.#responseMetadata !== undefined) metadataFields(this.#responseMetadata, fields);
    return fields;
  }

  get headersSent(): boolean {
    return this.#headersSent;
  }

  /** A caller that compresses likes short messages better than fast ones. */
  get compressesResponses(): boolean {
    return this.head.gzip && this.head.acceptsGzip && this.services.limits.compressedSizeBytesMin < Infinity;
  }

  trailersOf(status: CallStatus): readonly string[] {
    return trailerFields(status, this.#trailers);
  }

  /** Ends the call with a status; whatever comes later has no effect. */
  end(status: CallStatus): void {
    if (!this.settle()) return;
    if (this.#headersSent) {
      this.owner.sendHeaders(this, this.trailersOf(status), true);
      return;
    }
    this.owner.sendHeaders(this, [...this.beginResponse(), ...this.trailersOf(status)], true);
  }

  /** @returns whether the caller can still be told something, for the last time */
  protected settle(): boolean {
    if (this.over) return false;
    this.over = true;
    this.services.deadlines.remove(this);
    // A handler that is still at work has the request.
    if (!this.busy) this.letGo();
    this.messageSinceMs = 0;
    return !this.gone;
  }

  /** Ends the call with what an error says. */
  fail(error: unknown): void {
    if (this.over) return;
    let bug = error;
    try {
      const status = this.services.statusOf(error, () => this.trailers);
      if (status !== undefined) {
        this.end(status);
        return;
      }
    } catch (thrown) {
      bug = thrown;
    }
    this.failed(bug);
  }

  /** Ends the call for a reason that is a bug, and nothing but the call. */
  failed(bug: unknown): void {
    const fields = { err: bug, method: this.head.path };
    this.services.log.error(fields, 'a request failed for a reason that is a bug');
    this.end({ status: 'INTERNAL', message: 'internal error' });
  }

  failMessage(fault: MessageFault): void {
    if (fault.kind === 'bad-flag') {
      this.refuse(new StatusError('INTERNAL', `a message with the compression flag ${fault.flag}`));
      return;
    }
    const { requestSizeBytesMax } = this.services.limits;
    const what = `the request is ${fault.sizeBytes} bytes long`;
    this.refuse(requestTooLarge(what, requestSizeBytesMax));
  }

  /** Ends the call for what its caller sent. The handler may be waiting for more, which will not come. */
  refuse(error: Error): void {
    if (this.over) return;
    this.fail(error);
    this.#cutShort(error);
  }

  /** A response that may be sent, or the error to fail with. */
  checkResponse(response: Uint8Array): KvorumError | undefined {
    const { responseSizeBytesMax } = this.services.limits;
    if (response.length <= responseSizeBytesMax) return undefined;
    const what = `the response is ${response.length} bytes long`;
    return limitExceeded('responseSizeBytesMax', what, responseSizeBytesMax);
  }

  // Room for large answers

  room(): Promise<void> | undefined {
    if (this.cutShort !== undefined) return Promise.reject(this.cutShort);
    if (this.owner.takeAnswer()) return undefined;
    return new Promise((resolve, reject) => {
      const awaited = new AwaitedRoom(this, { resolve, reject });
      (this.#awaitedRooms ??= []).push(awaited);
      this.owner.awaitAnswer(awaited);
    });
  }

  gathered(sizeBytes: number): void {
    this.#gatheredBytes += sizeBytes;
    this.hold(sizeBytes);
    this.owner.unsent(sizeBytes);
  }

  /** The handler has ended: what it gathered is in the answer now, or of no use. */
  protected handlerEnded(): void {
    this.busy = false;
    this.letGo();
    if (this.#gatheredBytes === 0) return;
    this.hold(-this.#gatheredBytes);
    this.owner.unsent(-this.#gatheredBytes);
    this.#gatheredBytes = 0;
  }

  // What cuts a call short

  expired(): void {
    if (this.over) return;
    const error = new KvorumError('DEADLINE_EXCEEDED', "the caller's deadline passed");
    // Behind what the caller does not take, the status would not reach it either.
    if (this.queue === undefined) this.fail(error);
    else {
      this.settle();
      this.owner.reset(this, errorCode.cancel);
    }
    this.#cutShort(error);
  }

  aborted(why: 'reset' | 'lost'): void {
    const wasOver = this.over;
    this.settle();
    if (wasOver) return;
    this.#cutShort(why === 'reset' ? callerCancelled : connectionLost);
  }

  /** Ends the call because the server stops. */
  protected stop(): void {
    if (this.over) return;
    this.fail(serverStopping);
    this.#cutShort(serverStopping);
  }

  #cutShort(reason: Error): void {
    this.#reason = reason;
    this.services.interruptions.add(this);
  }

  /** Tells the handler that the call was cut short. */
  interrupt(): void {
    const reason = this.#reason!;
    this.#controller?.abort(reason);
    for (const awaited of this.#awaitedRooms ?? []) awaited.reject(reason);
    this.#awaitedRooms = undefined;
    this.interrupted(reason);
  }

  /** The handler's waits end now. */
  protected abstract interrupted(reason: Error): void;
}

interface Waiter {
  resolve(): void;
  reject(reason: Error): void;
}

/** A handler that waits for room. Whatever becomes of its call, it is told once. */
class AwaitedRoom implements WaitingAnswer {
  readonly over = false;
  readonly #call: Call;
  readonly #waiter: Waiter;

  constructor(call: Call, waiter: Waiter) {
    this.#call = call;
    this.#waiter = waiter;
  }

  makeAnswer(): boolean {
    this.#waiter.resolve();
    return false;
  }

  reject(reason: Error): void {
    this.#waiter.reject(reason);
  }

  failed(error: unknown): void {
    this.#call.failed(error);
  }
}
