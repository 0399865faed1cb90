import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseHostPort } from '../../../src/base/address.js';
import { Prng } from '../../../src/base/prng.js';
import type { SettingName } from '../../../src/grpc/testing/frames.js';
import { HostileConnection, type Reading } from './hostile-connection.js';

/** Where one member listens. */
export interface Target {
  readonly grpc: string;
  readonly raft: string;
  /** Its id, in decimal; everybody can ask for it. */
  readonly id: string;
}

type Port = 'grpc' | 'raft';

export interface Orders {
  /** Its name in the table of attacks. */
  readonly attack: string;
  /** In decimal. */
  readonly clusterId: string;
  /** The first one is the leader, on whom most attacks fall. */
  readonly targets: readonly [Target, ...Target[]];
  /** The address that the attack comes from. */
  readonly from: string;
  readonly seconds: number;
  readonly seed: number;
}

/** What an attack did, by its own account. */
export interface Deeds {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly connections: number;
  /** Connections that did not come about, or were ended by the member. */
  readonly ended: number;
}

export interface ConnectionOptions {
  readonly reading: Reading;
  readonly settings?: readonly (readonly [SettingName, number])[];
  /** Of the orders' targets; the leader unless told. */
  readonly target?: number;
}

/** The largest window there is: answers come as fast as they are made (RFC 9113, section 6.9.1). */
export const windowBytesMax = 2 ** 31 - 1;

/** Connections that are being made at a time: what waits beyond a port's backlog (511) comes seconds later. */
const dialsMax = 128;

/** One attack that is under way: its connections, and the time that it has. */
export class Attacker {
  readonly orders: Orders;
  readonly random: Prng;
  readonly #sockets = new Set<Socket>();
  #isOver = false;
  readonly #over: Promise<void>;
  #tellOver = (): void => {};
  readonly #timer: NodeJS.Timeout;
  readonly #waiting: (() => void)[] = [];
  #dials = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #connections = 0;
  #ended = 0;

  constructor(orders: Orders) {
    this.orders = orders;
    this.random = new Prng(orders.seed);
    this.#over = new Promise((resolve) => (this.#tellOver = resolve));
    this.#timer = setTimeout(() => this.end(), orders.seconds * 1000);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when the time is over. What is open then stays so until end() has run. */
  untilOver(): Promise<void> {
    return this.#over;
  }

  /** Cuts all connections off at once, as the end of a process does. */
  end(): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#tellOver();
    for (const socket of this.#sockets) socket.destroy();
  }

  get deeds(): Deeds {
    let [sentBytes, receivedBytes] = [this.#sentBytes, this.#receivedBytes];
    for (const socket of this.#sockets) {
      sentBytes += socket.bytesWritten - socket.writableLength;
      receivedBytes += socket.bytesRead;
    }
    return { sentBytes, receivedBytes, connections: this.#connections, ended: this.#ended };
  }

  /** @returns undefined when there is no connection to be had */
  async dial(port: Port, target = 0): Promise<Socket | undefined> {
    if (this.#dials >= dialsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#dials++;
    try {
      return await this.#dial(port, target);
    } finally {
      this.#dials--;
      this.#waiting.shift()?.();
    }
  }

  async #dial(port: Port, target: number): Promise<Socket | undefined> {
    if (this.isOver) return undefined;
    const { targets, from } = this.orders;
    const { host, port: number } = parseHostPort('address', (targets[target] ?? targets[0])[port]);
    const socket = connect({ host, port: number, localAddress: from, noDelay: true, allowHalfOpen: true });
    this.#sockets.add(socket);
    // To be sent away is what it has to expect.
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#sentBytes += socket.bytesWritten - socket.writableLength;
      this.#receivedBytes += socket.bytesRead;
      if (!this.isOver) this.#ended++;
    });
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    if (connected) this.#connections++;
    return connected ? socket : undefined;
  }

  /** A connection that has said the preface, and waits for nothing. */
  async http2(options: ConnectionOptions): Promise<HostileConnection | undefined> {
    const socket = await this.dial('grpc', options.target);
    return socket && new HostileConnection(socket, options.reading, options.settings);
  }

  /** `count` at a time, each begun again when it ends, until the time is over. */
  async repeat(count: number, body: (at: number) => Promise<void>): Promise<void> {
    const one = async (at: number): Promise<void> => {
      while (!this.isOver) {
        await body(at);
        await nextTurn();
      }
    };
    await Promise.all(Array.from({ length: count }, (_, at) => one(at)));
  }

  /** `count` connections at a time, each made anew when the member ends it, until the time is over. */
  async http2Again(
    count: number,
    options: ConnectionOptions,
    body: (connection: HostileConnection, at: number) => Promise<void>,
  ): Promise<void> {
    await this.repeat(count, async (at) => {
      const connection = await this.http2(options);
      if (connection === undefined) return;
      await body(connection, at);
      connection.socket.destroy();
    });
  }

  /** The same, and what `body` left open is held until then. */
  async http2Held(
    count: number,
    options: ConnectionOptions,
    body: (connection: HostileConnection, at: number) => Promise<void>,
  ): Promise<void> {
    await this.http2Again(count, options, async (connection, at) => {
      await body(connection, at);
      await connection.closed;
    });
  }
}
