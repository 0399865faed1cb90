import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { parseHostPort } from '../../../src/base/address.js';

/** Somebody who is no client and no member, with connections to one port. */
export class Intruder {
  readonly #host: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #from: readonly string[];
  #flooding = false;
  #connected = 0;

  /** @param from addresses of this machine that it comes from in turn; whichever the system chooses if there are none */
  constructor(address: string, from: readonly string[] = []) {
    ({ host: this.#host, port: this.#port } = parseHostPort('address', address));
    this.#from = from;
  }

  #connect(): Socket {
    const localAddress = this.#from[this.#connected++ % this.#from.length];
    const socket = connect({
      host: this.#host,
      port: this.#port,
      allowHalfOpen: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    this.#sockets.add(socket);
    // To be sent away is what it has to expect.
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.once('close', () => this.#sockets.delete(socket));
    socket.resume();
    return socket;
  }

  /** Sends `bytes` and waits until the other end closes the connection. @returns what it answered */
  async say(bytes: Uint8Array | string): Promise<string> {
    const socket = this.#connect();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.write(bytes);
    await once(socket, 'close');
    return answer;
  }

  /** Sends `bytes`, says no more, and stays. */
  async linger(bytes: Uint8Array | string): Promise<void> {
    const socket = this.#connect();
    await once(socket, 'connect');
    if (bytes.length > 0) socket.write(bytes);
  }

  /** Holds `count` connections that say `bytes` alone, and makes a new one for each that is closed, until close(). */
  async flood(count: number, bytes: Uint8Array | string = ''): Promise<void> {
    this.#flooding = true;
    const hold = (): Socket => {
      const socket = this.#connect();
      if (bytes.length > 0) socket.write(bytes);
      socket.once('close', () => {
        if (this.#flooding) setImmediate(hold);
      });
      return socket;
    };
    await Promise.all(Array.from({ length: count }, () => once(hold(), 'connect')));
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  close(): void {
    this.#flooding = false;
    for (const socket of this.#sockets) socket.destroy();
  }
}
