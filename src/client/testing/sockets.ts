import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { formatHostPort } from '../../base/address.js';
import { freePort } from '../../base/testing/free-port.js';

/** Listens until the test ends. Returns its endpoint. */
export async function listen(t: TestContext, server: Server, host = '127.0.0.1', port = 0): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(port, host);
  await once(server, 'listening');
  return endpointOf(server);
}

function endpointOf(server: Server): string {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server listens at no port');
  return formatHostPort(address.address, address.port);
}

/** A server of bare TCP. */
export function serveSockets(t: TestContext, onSocket: (socket: Socket) => void): Promise<string> {
  return listen(t, createServer(onSocket));
}

/** An endpoint where nothing listens. */
export async function deadEndpoint(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

const neverAccepts = `
  const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** More than the system lets wait at a port whose process takes none. */
const waitingCount = 8;

/** An endpoint that answers no more connections, as behind a firewall: what may wait there to be taken is full. */
export async function mutePort(t: TestContext): Promise<string> {
  const child = spawn(process.execPath, ['-e', neverAccepts], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const sockets = Array.from({ length: waitingCount }, () =>
    connect({ host: '127.0.0.1', port: Number(port) }).on('error', () => {}),
  );
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  await once(sockets[0]!, 'connect');
  return `127.0.0.1:${port.toString()}`;
}
