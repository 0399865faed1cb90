import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { isItself } from './self-connection.js';

const host = '127.0.0.1';

describe('a connection', () => {
  it('is known to end where it began, and another is not', async () => {
    const server = createServer((socket) => void socket.resume()).listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const other = connect({ host, port });
    await once(other, 'connect');
    assert.ok(!isItself(other));
    other.destroy();
    server.close();
    await once(server, 'close');
    const own = connect({ host, port, localAddress: host, localPort: port });
    await once(own, 'connect');
    assert.ok(isItself(own));
    own.resetAndDestroy();
  });
});
