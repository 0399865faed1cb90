import { createServer, type Server } from 'node:net';
import { KvorumError } from './base/errors.js';

interface Wanted {
  /** The option that it comes from, for the error. */
  readonly field: string;
  /** 0: any free one. */
  readonly port: number;
}

/**
 * Finds out early whether ports can be had, before the cluster is told of them.
 *
 * @returns the ports, all different, free a moment ago
 * @throws KvorumError ADDRESS_UNAVAILABLE
 */
export async function reservePorts(host: string, wanted: readonly Wanted[]): Promise<readonly number[]> {
  const held: Held[] = [];
  try {
    for (const each of wanted) held.push(await hold(host, each));
  } finally {
    // Only now, so that none of them is taken for free twice.
    await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  }
  return held.map(({ port }) => port);
}

interface Held {
  readonly server: Server;
  readonly port: number;
}

function hold(host: string, { field, port }: Wanted): Promise<Held> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code ?? error.message})`;
      reject(new KvorumError('ADDRESS_UNAVAILABLE', `${field} ${port} on ${host} ${why}`, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : port });
    });
  });
}
