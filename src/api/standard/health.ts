import { serverStream, unary, type BoundMethod, type Service } from '../../base/rpc.js';
import { StatusError } from '../../base/status.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
  HealthListRequest,
  HealthListResponse,
} from '../../generated/grpc/health/v1/health.js';
import { decodeMessage, encodeMessage } from '../message.js';

/** gRPC's health service: one answer for the server ("") and all of its services. */
export class Health {
  readonly #names: ReadonlySet<string>;
  #serving = false;
  #changed: (() => void)[] = [];

  constructor(serviceNames: readonly string[]) {
    this.#names = new Set(['', ...serviceNames]);
  }

  get serving(): boolean {
    return this.#serving;
  }

  set serving(serving: boolean) {
    if (serving === this.#serving) return;
    this.#serving = serving;
    const changed = this.#changed;
    this.#changed = [];
    for (const tell of changed) tell();
  }

  get service(): Service {
    return { name: 'grpc.health.v1.Health', methods: [this.#check(), this.#watch(), this.#list()] };
  }

  get #status(): Status {
    return this.#serving ? Status.SERVING : Status.NOT_SERVING;
  }

  #check(): BoundMethod {
    return unary<HealthCheckRequest, HealthCheckResponse>({
      kind: 'unary',
      name: 'Check',
      decodeRequest,
      encodeResponse,
      handle: ({ service }) => {
        if (this.#names.has(service)) return { status: this.#status };
        throw new StatusError('NOT_FOUND', `service ${service} is not served here`);
      },
    });
  }

  #watch(): BoundMethod {
    return serverStream<HealthCheckRequest, HealthCheckResponse>({
      kind: 'server-stream',
      name: 'Watch',
      decodeRequest,
      encodeResponse,
      handle: ({ service }, { signal }) => this.#changes(service, signal),
    });
  }

  async *#changes(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse, void> {
    for (;;) {
      const status = this.#names.has(service) ? this.#status : Status.SERVICE_UNKNOWN;
      yield { status };
      do await this.#nextChange(signal);
      while (status === Status.SERVICE_UNKNOWN || status === this.#status);
    }
  }

  /** Rejects when the signal is aborted. */
  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.#changed = this.#changed.filter((each) => each !== end);
        reject(signal.reason as Error);
      };
      this.#changed.push(end);
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
    });
  }

  #list(): BoundMethod {
    return unary<HealthListRequest, HealthListResponse>({
      kind: 'unary',
      name: 'List',
      decodeRequest: (bytes) => decodeMessage(HealthListRequest, 'HealthListRequest', bytes),
      encodeResponse: (response) => encodeMessage(HealthListResponse, response),
      handle: () => ({
        statuses: Object.fromEntries([...this.#names].map((name) => [name, { status: this.#status }])),
      }),
    });
  }
}

function decodeRequest(bytes: Uint8Array): HealthCheckRequest {
  return decodeMessage(HealthCheckRequest, 'HealthCheckRequest', bytes);
}

function encodeResponse(response: HealthCheckResponse): Uint8Array {
  return encodeMessage(HealthCheckResponse, response);
}
