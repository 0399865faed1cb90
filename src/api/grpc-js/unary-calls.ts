import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { KvorumError } from '../../base/errors.js';
import { Metadata } from '../../base/metadata.js';
import type { Log } from '../../base/log.js';
import { handlerTimeoutMs, type BoundUnaryMethod, type CallContext } from '../../base/rpc.js';
import { limitExceeded, type ApiLimits } from '../limits.js';
import { toStatus } from './status.js';

type Call = ServerUnaryCall<Uint8Array, Uint8Array>;
type Respond = sendUnaryData<Uint8Array>;

/** Runs our unary methods as grpc-js handlers, so many at a time. */
export class UnaryCalls {
  readonly #limits: ApiLimits;
  readonly #log: Log;
  #inFlight = 0;

  constructor(limits: ApiLimits, log: Log) {
    this.#limits = limits;
    this.#log = log;
  }

  handler(path: string, method: BoundUnaryMethod): (call: Call, respond: Respond) => void {
    return (call, respond) => {
      const refusal = this.#refusal(call.request);
      if (refusal !== undefined) {
        respond(toStatus(refusal, path, this.#log));
        return;
      }
      this.#inFlight += 1;
      const context = new GrpcJsCallContext(call);
      new Promise<Uint8Array>((resolve) => resolve(method.call(call.request, context)))
        .then(
          (response) => {
            this.#inFlight -= 1;
            context.answered = true;
            respond(null, response);
          },
          (error: unknown) => {
            this.#inFlight -= 1;
            context.answered = true;
            respond(toStatus(error, path, this.#log));
          },
        )
        .catch((error: unknown) => {
          this.#log.error({ err: error, method: path }, 'a response could not be handed to grpc-js');
        });
    };
  }

  #refusal(request: Uint8Array): KvorumError | undefined {
    const { requestSizeBytesMax, requestsInFlightMax } = this.#limits;
    if (request.length > requestSizeBytesMax) {
      const what = `the request is ${request.length} bytes long`;
      return limitExceeded('requestSizeBytesMax', what, requestSizeBytesMax);
    }
    if (this.#inFlight >= requestsInFlightMax) {
      const what = `${this.#inFlight} requests are being worked on`;
      return limitExceeded('requestsInFlightMax', what, requestsInFlightMax);
    }
    return undefined;
  }
}

class GrpcJsCallContext implements CallContext {
  readonly metadata = new Metadata();
  readonly responseMetadata = new Metadata();
  readonly trailers = new Metadata();
  readonly timeoutMs: number | undefined;
  /** grpc-js tells of a cancellation after every call; one after the answer is none. */
  answered = false;
  readonly #call: Call;
  #controller: AbortController | undefined;

  constructor(call: Call) {
    this.#call = call;
    const deadline = Number(call.getDeadline());
    this.timeoutMs = deadline === Infinity ? undefined : handlerTimeoutMs(deadline - Date.now());
  }

  /** Made on demand: most calls end before anyone has to wait on it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#call.cancelled) controller.abort(this.#reason());
      else {
        this.#call.once('cancelled', () => {
          if (!this.answered) controller.abort(this.#reason());
        });
      }
    }
    return this.#controller.signal;
  }

  #reason(): KvorumError {
    if (Date.now() >= Number(this.#call.getDeadline())) {
      return new KvorumError('DEADLINE_EXCEEDED', "the caller's deadline passed");
    }
    return new KvorumError('CANCELLED', 'the caller cancelled or its connection was lost');
  }
}
