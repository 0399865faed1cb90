import { parseHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';
import type { ClusterId } from '../base/ids.js';
import { onAbort, stopWaitingForAbort } from './abort-signals.js';
import { Callbacks } from './callbacks.js';
import { ClusterIdentity } from './cluster-identity.js';
import { DialError, type Lookup } from './dial.js';
import { CallFailure, cancelledUnsent, lost } from './failure.js';
import { cutOff, NotHttp2Error, openSession, type OpenSession } from './session.js';
import { UnaryStream, type MethodPath } from './unary-stream.js';
import { WrongServerError } from './wrong-server.js';

/** What a connection says at its end is taken by then, or given up. */
const lastWordsMs = 1000;

/** One connection to one server. Nothing is sent on it twice. */
export class Connection {
  readonly endpoint: string;
  readonly #responseSizeBytesMax: number;
  readonly #cluster: ClusterIdentity;
  readonly #lookup: Lookup | undefined;
  readonly #dialling = new AbortController();
  #opened: OpenSession | undefined;
  /** Which one its server says that it serves. */
  cluster: ClusterId | undefined;
  #lastHandled = Infinity;
  /** The same for all calls. */
  readonly #lastHandledNow = (): number => this.#lastHandled;
  readonly #told = (cluster: ClusterId | undefined): void => void (this.cluster = cluster);
  /** Ends of the calls without an answer. */
  readonly #open = new Callbacks<KvorumError>();
  #closed = false;

  /** @param lookup other than the system's */
  constructor(
    endpoint: string,
    responseSizeBytesMax: number,
    cluster: ClusterIdentity = new ClusterIdentity(),
    lookup?: Lookup,
  ) {
    this.endpoint = endpoint;
    this.#cluster = cluster;
    this.#responseSizeBytesMax = responseSizeBytesMax;
    this.#lookup = lookup;
  }

  /** Calls that have no answer yet. */
  get openCount(): number {
    return this.#open.count;
  }

  /** What is sent now goes out at once. */
  get ready(): boolean {
    const session = this.#opened?.session;
    return !this.#closed && session !== undefined && !session.closed && !session.destroyed;
  }

  /** @returns why there is no connection, undefined if there is one. To be called once. */
  async connect(timeoutMs: number): Promise<DialError | WrongServerError | undefined> {
    const target = parseHostPort('endpoint', this.endpoint);
    const { signal } = this.#dialling;
    try {
      const opened = await openSession(target, timeoutMs, signal, this.#lookup);
      opened.session.on('goaway', (_code: number, lastHandled: number) => (this.#lastHandled = lastHandled));
      this.#opened = opened;
      return undefined;
    } catch (error) {
      if (error instanceof DialError) return error;
      if (!(error instanceof NotHttp2Error)) throw error;
      // Few servers need it.
      const { whoeverAnswers } = await import('./whoever-answers.js');
      const { what, isWrong } = await whoeverAnswers(target, timeoutMs, signal);
      return isWrong ? new WrongServerError(this.endpoint, what) : new DialError(what);
    }
  }

  /**
   * Rejects with CallFailure only.
   *
   * @param timeoutMs the server is told, and ends its own wait a little earlier
   */
  call(path: MethodPath, message: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<Buffer> {
    if (signal?.aborted === true) return Promise.reject(cancelledUnsent());
    const session = this.#opened?.session;
    if (session === undefined || !this.ready) return Promise.reject(lost(this.endpoint, 'not-applied'));
    const { endpoint } = this;
    const request = {
      ...{ endpoint, path, message, timeoutMs, responseSizeBytesMax: this.#responseSizeBytesMax },
      ...{ cluster: this.#cluster, told: this.#told, lastHandled: this.#lastHandledNow },
    };
    return new Promise((resolve, reject) => {
      let stream: UnaryStream;
      try {
        stream = new UnaryStream(session, request, (failure, response) => {
          if (abortion !== undefined) stopWaitingForAbort(signal!, abortion);
          this.#open.remove(open);
          if (failure === undefined) resolve(response!);
          else reject(failure);
        });
      } catch {
        reject(lost(endpoint, 'not-applied'));
        return;
      }
      const abandon = (error: KvorumError): void => stream.abandon(new CallFailure(error, 'unknown', false));
      const cancel = (): void => abandon(new KvorumError('CANCELLED', 'the caller cancelled'));
      const open = this.#open.add(abandon);
      const abortion = signal === undefined ? undefined : onAbort(signal, cancel);
    });
  }

  /** Calls that are open still get their answers. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dialling.abort();
    if (this.#opened === undefined) return;
    this.#opened.session.close();
    this.#endSoon(this.#opened);
  }

  /** Where the server takes nothing any more, the last words would be waited with for ever. */
  #endSoon(opened: OpenSession): void {
    const timer = setInterval(() => {
      if (this.#open.count === 0) cutOff(opened);
    }, lastWordsMs).unref();
    opened.socket.once('close', () => clearInterval(timer));
  }

  /** Ends the open calls too. */
  destroy(error: KvorumError): void {
    this.#open.callAll(error);
    this.close();
    if (this.#opened !== undefined) cutOff(this.#opened);
  }
}
