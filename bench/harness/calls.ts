import { Connection } from '../../src/client/connection.js';
import type { MethodPath } from '../../src/client/unary-stream.js';

const callTimeoutMs = 10_000;
const connectTimeoutMs = 1000;
const responseSizeBytesMax = 64 * 1024 * 1024;

/** Single calls of any method at any server, with message bytes; one connection for each endpoint. */
export class Calls {
  readonly #connections = new Map<string, Promise<Connection>>();

  /** Rejects unless the answer is a success. */
  async call(
    endpoint: string,
    method: MethodPath,
    request: Uint8Array,
    timeoutMs = callTimeoutMs,
  ): Promise<Uint8Array> {
    const connection = await this.#connected(endpoint);
    return connection.call(method, request, timeoutMs);
  }

  close(): void {
    for (const connecting of this.#connections.values()) {
      connecting.then(
        (connection) => connection.close(),
        () => {},
      );
    }
    this.#connections.clear();
  }

  async #connected(endpoint: string): Promise<Connection> {
    let connecting = this.#connections.get(endpoint);
    if (connecting === undefined) {
      connecting = connect(endpoint);
      this.#connections.set(endpoint, connecting);
    }
    const connection = await connecting.catch(() => undefined);
    if (connection?.ready === true) return connection;
    // It was lost, or never made.
    if (this.#connections.get(endpoint) === connecting) this.#connections.delete(endpoint);
    return connection === undefined ? connecting : this.#connected(endpoint);
  }
}

async function connect(endpoint: string): Promise<Connection> {
  const connection = new Connection(endpoint, responseSizeBytesMax);
  const why = await connection.connect(connectTimeoutMs);
  if (why === undefined) return connection;
  connection.close();
  throw new Error(`cannot connect to ${endpoint}: ${why.message}`);
}
