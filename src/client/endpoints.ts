import { KvorumError } from '../base/errors.js';
import type { ClusterId } from '../base/ids.js';
import { onAbort, stopWaitingForAbort } from './abort-signals.js';
import { ClusterIdentity } from './cluster-identity.js';
import { Connection } from './connection.js';
import { DialError, type Lookup } from './dial.js';
import { CallFailure, cancelledUnsent } from './failure.js';

export interface EndpointsOptions {
  readonly connectTimeoutMs: number;
  readonly responseSizeBytesMax: number;
  /** After each server was tried in vain: this long, doubled each round up to the most, less up to a half. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** Nobody waits longer once each server was tried in vain so often in a row. */
  readonly connectTriesMax: number;
  /** Other than the system's. */
  readonly lookup?: Lookup;
}

export const endpointsDefaults = { connectTimeoutMs: 1000, backoffMs: 50, backoffMsMax: 1000 } as const;

interface Waiter {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (failure: CallFailure) => void;
}

/** The servers: stays with one that works, goes on to the next when it does not. */
export class Endpoints {
  readonly #endpoints: readonly string[];
  readonly #options: EndpointsOptions;
  readonly #cluster = new ClusterIdentity();
  readonly #waiters = new Set<Waiter>();
  /** What was last wrong with each server, until a call is answered. */
  readonly #wrong = new Map<string, KvorumError>();
  /** Made of these once, for the many that may ask. */
  #trouble: KvorumError | undefined;
  #current: Connection | undefined;
  #trying: Connection | undefined;
  /** Left, but with calls that may still be answered. */
  #left: Connection[] = [];
  #next = 0;
  #failures = 0;
  #connecting = false;
  #closed = false;
  #endPause: (() => void) | undefined;

  constructor(endpoints: readonly string[], options: EndpointsOptions) {
    this.#endpoints = endpoints;
    this.#options = options;
  }

  get count(): number {
    return this.#endpoints.length;
  }

  /** Which cluster has answered. */
  get cluster(): ClusterId | undefined {
    return this.#cluster.id;
  }

  /** As if it had answered. */
  requireCluster(cluster: ClusterId): void {
    this.#cluster.answered(cluster);
  }

  /** The connection to use now, if there is one. */
  get ready(): Connection | undefined {
    return this.#current?.ready === true ? this.#current : undefined;
  }

  /** Why no server does the work; undefined after an answer. */
  get trouble(): KvorumError | undefined {
    return (this.#trouble ??= this.#findTrouble());
  }

  /** Each server, when it was last asked, was a member of another cluster: none is left that may answer. */
  get isOtherCluster(): boolean {
    if (this.#wrong.size < this.#endpoints.length) return false;
    for (const { code } of this.#wrong.values()) if (code !== 'WRONG_CLUSTER') return false;
    return true;
  }

  #findTrouble(): KvorumError | undefined {
    const errors = [...this.#wrong.values()];
    // A server that answers tells more than one that cannot be reached.
    const first = errors.find(({ code }) => code !== 'SERVER_UNREACHABLE') ?? errors[0];
    if (first === undefined || errors.length === 1) return first;
    return new KvorumError(first.code, errors.map(({ message }) => message).join('; '), {
      cause: new AggregateError(errors),
    });
  }

  /** A ready connection, as soon as there is one. Rejects with CallFailure: nothing was sent then. */
  connected(timeoutMs: number, signal?: AbortSignal): Promise<Connection> {
    if (this.#closed) return Promise.reject(new CallFailure(clientClosed()));
    if (signal?.aborted === true) return Promise.reject(cancelledUnsent());
    const ready = this.ready;
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        if (abortion !== undefined) stopWaitingForAbort(signal!, abortion);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: (connection) => {
          settle();
          resolve(connection);
        },
        reject: (failure) => {
          settle();
          reject(failure);
        },
      };
      const timer = setTimeout(() => waiter.reject(this.#notConnected()), timeoutMs);
      const cancel = (): void => waiter.reject(cancelledUnsent());
      const abortion = signal === undefined ? undefined : onAbort(signal, cancel);
      this.#waiters.add(waiter);
      if (!this.#connecting) void this.#connect();
    });
  }

  #notConnected(): CallFailure {
    return new CallFailure(
      this.trouble ?? unreachable(this.#endpoints, new DialError('not in time')),
      'not-applied',
      false,
    );
  }

  #giveUp(): void {
    for (const waiter of this.#waiters) waiter.reject(this.#notConnected());
  }

  answered(connection: Connection): void {
    this.#cluster.answered(connection.cluster);
    if (connection !== this.#current) return;
    this.#failures = 0;
    this.#wrong.clear();
    this.#trouble = undefined;
  }

  /** Goes on to the next server, unless that was done already. */
  failed(connection: Connection, why: KvorumError): void {
    if (connection !== this.#current) return;
    this.#current = undefined;
    connection.close();
    this.#left = [...this.#left, connection].filter(({ openCount }) => openCount > 0);
    this.#goOn(connection.endpoint, why);
  }

  close(): void {
    this.#closed = true;
    this.#trying?.close();
    this.#endPause?.();
    this.#current?.destroy(clientClosed());
    for (const connection of this.#left) connection.destroy(clientClosed());
    for (const waiter of this.#waiters) waiter.reject(new CallFailure(clientClosed()));
  }

  #goOn(endpoint: string, why: KvorumError): void {
    this.#wrong.set(endpoint, why);
    this.#trouble = undefined;
    this.#failures += 1;
    this.#next = (this.#next + 1) % this.#endpoints.length;
  }

  /** Runs as long as someone waits. */
  async #connect(): Promise<void> {
    this.#connecting = true;
    const { connectTimeoutMs, responseSizeBytesMax, connectTriesMax, lookup } = this.#options;
    this.#current?.close();
    this.#current = undefined;
    let tries = 0;
    while (this.#waiters.size > 0) {
      await this.#pause();
      if (this.#waiters.size === 0) break;
      const endpoint = this.#endpoints[this.#next]!;
      const connection = new Connection(endpoint, responseSizeBytesMax, this.#cluster, lookup);
      this.#trying = connection;
      const why = await connection.connect(connectTimeoutMs);
      if (why === undefined && !this.#closed) {
        this.#current = connection;
        for (const waiter of this.#waiters) waiter.resolve(connection);
      } else {
        connection.close();
        this.#goOn(endpoint, unreachable([endpoint], why ?? new DialError('called off')));
        if (++tries >= connectTriesMax * this.#endpoints.length) this.#giveUp();
      }
    }
    this.#trying = undefined;
    this.#connecting = false;
  }

  #pause(): Promise<void> {
    const count = this.#endpoints.length;
    if (this.#failures === 0 || this.#failures % count !== 0) return Promise.resolve();
    const round = Math.min(30, this.#failures / count - 1);
    const { backoffMs, backoffMsMax } = this.#options;
    const delayMs = Math.min(backoffMsMax, backoffMs * 2 ** round) * (0.5 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export function clientClosed(): KvorumError {
  return new KvorumError('CLIENT_CLOSED', 'the client is closed');
}

function unreachable(endpoints: readonly string[], cause: Error): KvorumError {
  const message = `cannot connect to ${endpoints.join(', ')}: ${cause.message}`;
  return new KvorumError('SERVER_UNREACHABLE', message, { cause });
}
