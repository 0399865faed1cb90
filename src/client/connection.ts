import { Client, connectivityState, credentials, type ServiceError } from '@grpc/grpc-js';
import { KvorumError } from '../base/errors.js';
import { CallFailure, fromServiceError } from './failure.js';

/** A method of a service, as it stands in the request's path. */
export type MethodPath = `/${string}/${string}`;

const bytesToBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const identity = (bytes: Buffer): Buffer => bytes;

/** One connection to one server. grpc-js never retries on it what was sent. */
export class Connection {
  readonly endpoint: string;
  readonly #client: Client;
  /** Ends of the calls without an answer; no set, whose outgrown tables would keep the calls in memory. */
  readonly #open: ((error: KvorumError) => void)[] = [];
  #closed = false;

  constructor(endpoint: string, responseSizeBytesMax: number) {
    this.endpoint = endpoint;
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': responseSizeBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      // No config of another server by DNS: it could order retries.
      'grpc.service_config_disable_resolution': 1,
      // Ours is a short way or our own back-off.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.enable_http_proxy': 0,
    });
  }

  /** Calls that have no answer yet. */
  get openCount(): number {
    return this.#open.length;
  }

  /** What is sent now goes out at once. Otherwise grpc-js would keep it, and we could not tell whether it left. */
  get ready(): boolean {
    return !this.#closed && this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Whether the server could be connected to within `timeoutMs`. */
  connect(timeoutMs: number): Promise<boolean> {
    const channel = this.#client.getChannel();
    const deadline = Date.now() + timeoutMs;
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#closed) {
          resolve(false);
          return;
        }
        const state = channel.getConnectivityState(true);
        const failed = state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN;
        if (state === connectivityState.READY || failed) {
          resolve(!failed);
          return;
        }
        channel.watchConnectivityState(state, deadline, (error) => {
          if (error === undefined) look();
          else resolve(false);
        });
      };
      look();
    });
  }

  /**
   * Rejects with CallFailure only.
   *
   * @param timeoutMs the server is told, and ends its own wait a little earlier
   */
  call(path: MethodPath, request: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<Buffer> {
    const options = { deadline: Date.now() + Math.max(1, timeoutMs) };
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener('abort', cancel);
        const place = this.#open.indexOf(abandon);
        if (place !== -1) this.#open.splice(place, 1);
        end();
      };
      const answered = (error: ServiceError | null, response?: Buffer): void => {
        settle(() => {
          if (error === null) resolve(response!);
          else reject(fromServiceError(error, this.endpoint));
        });
      };
      const call = this.#client.makeUnaryRequest(path, bytesToBuffer, identity, request, options, answered);
      const abandon = (error: KvorumError): void => {
        settle(() => reject(new CallFailure(error, 'unknown', false)));
        call.cancel();
      };
      const cancel = (): void => abandon(new KvorumError('CANCELLED', 'the caller cancelled'));
      this.#open.push(abandon);
      signal?.addEventListener('abort', cancel);
      if (signal?.aborted === true) cancel();
    });
  }

  /** Calls that are open still get their answers. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
  }

  /** Ends the open calls too. */
  destroy(error: KvorumError): void {
    for (const end of [...this.#open]) end(error);
    this.close();
  }
}
