import type { Socket } from 'node:net';
import type { Share } from './http2/share.js';

/** What a connection became once it had shown what it speaks. */
export interface SeatedConnection {
  /** Since when no call is open; Infinity while one is. Milliseconds, monotonic. */
  readonly idleSinceMs: number;
  /** Ends it, because another client needs the place. */
  giveWay(): void;
}

/** The place of one connection. */
export class Seat {
  readonly share: ClientShare;
  readonly socket: Socket;
  readonly sinceMs: number;
  #connection: SeatedConnection | undefined;

  constructor(share: ClientShare, socket: Socket, sinceMs: number) {
    this.share = share;
    this.socket = socket;
    this.sinceMs = sinceMs;
  }

  /** Undefined until it has shown what it speaks. */
  get connection(): SeatedConnection | undefined {
    return this.#connection;
  }

  shows(connection: SeatedConnection): void {
    this.#connection = connection;
    this.share.silent.delete(this);
  }

  giveWay(): void {
    if (this.connection === undefined) this.socket.destroy();
    else this.connection.giveWay();
  }
}

/** The share of one client. It is known as long as it has something. */
export class ClientShare implements Share {
  readonly client: string;
  readonly seats = new Set<Seat>();
  /** Those of them that have not shown what they speak, oldest first. */
  readonly silent = new Set<Seat>();
  unary = 0;
  streaming = 0;
  aheadBytes = 0;

  constructor(client: string) {
    this.client = client;
  }

  get connectionCount(): number {
    return this.seats.size;
  }
}
