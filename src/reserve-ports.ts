import { createServer } from 'node:net';
import { KvorumError } from './base/errors.js';

/**
 * Finds out early whether a port can be had, before the cluster is told of it.
 * @param field the option that it comes from, for the error
 * @param port 0: any free one
 * @returns the port, free a moment ago
 * @throws KvorumError ADDRESS_UNAVAILABLE
 */
export function reservePort(field: string, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code ?? error.message})`;
      reject(new KvorumError('ADDRESS_UNAVAILABLE', `${field} ${port} on ${host} ${why}`, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
