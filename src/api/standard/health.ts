import { echoed } from '../../base/echo.js';
import {
  reserved,
  serverStream,
  unary,
  type BoundMethod,
  type BoundUnaryMethod,
  type Service,
} from '../../base/rpc.js';
import { StatusError } from '../../base/status.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
  HealthListRequest,
  HealthListResponse,
} from '../../generated/grpc/health/v1/health.js';
import { decodeMessage, encodeMessage } from '../message.js';

/** Each costs some ten microseconds, to wake and to write to. */
const watchersToldPerTurn = 500;

/** gRPC's health service: one answer for the server ("") and all of its services. */
export class Health {
  readonly #names: ReadonlySet<string>;
  #serving = false;
  /** What each watcher waits for. A change gives them to whoever tells them, and a new set begins. */
  #watchers = new Set<() => void>();

  constructor(serviceNames: readonly string[]) {
    this.#names = new Set(['', ...serviceNames]);
  }

  get serving(): boolean {
    return this.#serving;
  }

  set serving(serving: boolean) {
    if (serving === this.#serving) return;
    this.#serving = serving;
    const watchers = this.#watchers;
    this.#watchers = new Set();
    tellSome(watchers.values());
  }

  get service(): Service {
    return {
      name: 'grpc.health.v1.Health',
      methods: [reserved(this.#check()), this.#watch(), reserved(this.#list())],
    };
  }

  get #status(): Status {
    return this.#serving ? Status.SERVING : Status.NOT_SERVING;
  }

  #check(): BoundUnaryMethod {
    return unary<HealthCheckRequest, HealthCheckResponse>({
      kind: 'unary',
      name: 'Check',
      decodeRequest,
      encodeResponse,
      handle: ({ service }) => {
        if (this.#names.has(service)) return { status: this.#status };
        throw new StatusError('NOT_FOUND', `service ${echoed(service)} is not served here`);
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
      const watchers = this.#watchers;
      const end = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        watchers.delete(end);
        reject(signal.reason as Error);
      };
      watchers.add(end);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }

  #list(): BoundUnaryMethod {
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

/** Some now, the others in the turns that follow: a new leader has more urgent things to do. */
function tellSome(watchers: Iterator<() => void>): void {
  for (let told = 0; told < watchersToldPerTurn; told++) {
    const next = watchers.next();
    if (next.done === true) return;
    next.value();
  }
  setImmediate(() => tellSome(watchers));
}

function decodeRequest(bytes: Uint8Array): HealthCheckRequest {
  return decodeMessage(HealthCheckRequest, 'HealthCheckRequest', bytes);
}

function encodeResponse(response: HealthCheckResponse): Uint8Array {
  return encodeMessage(HealthCheckResponse, response);
}
