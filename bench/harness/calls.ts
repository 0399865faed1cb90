import { Connection, type MethodPath } from '../../src/client/connection.js';

const callTimeoutMs = 10_000;
const responseSizeBytesMax = 64 * 1024 * 1024;

/** Single calls of any method at any server, with message bytes; one connection for each endpoint. */
export class Calls {
  readonly #connections = new Map<string, Connection>();

  /** Rejects unless the answer is a success. */
  call(
    endpoint: string,
    method: MethodPath,
    request: Uint8Array,
    timeoutMs = callTimeoutMs,
  ): Promise<Uint8Array> {
    let connection = this.#connections.get(endpoint);
    if (connection === undefined) {
      connection = new Connection(endpoint, responseSizeBytesMax);
      this.#connections.set(endpoint, connection);
    }
    return connection.call(method, request, timeoutMs);
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }
}
