import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { releasePorts, reservePorts } from './reserve-ports.js';

const host = '127.0.0.1';

async function reserved(t: TestContext, grpcPort = 0, raftPort = 0) {
  const ports = await reservePorts(host, { grpcPort, raftPort });
  t.after(() => releasePorts(ports));
  return ports;
}

/** Whether somebody else could listen there. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server.listen(port, host), 'listening');
  try {
    await listening;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

describe('ports that are reserved', () => {
  it('are different ones, and nobody else gets them until they are released', async (t) => {
    const { grpc, raft } = await reserved(t);
    assert.notEqual(grpc.port, raft.port);
    for (const { port } of [grpc, raft]) assert.equal(await isFree(port), false);
    await releasePorts({ grpc, raft });
    for (const { port } of [grpc, raft]) assert.equal(await isFree(port), true);
  });

  it('send away whoever says something before they are served', async (t) => {
    const { grpc } = await reserved(t);
    const socket = connect(grpc.port, host);
    socket.on('error', () => {});
    socket.write('PRI * HTTP/2.0');
    socket.resume();
    await once(socket, 'close');
    // It would try for ever where a connection is closed before it has sent its request.
    await assert.rejects(fetch(`http://${host}:${grpc.port}/health`), { message: 'fetch failed' });
  });

  it('are given back at once, whoever is connected and says nothing', async (t) => {
    const { grpc } = await reserved(t);
    const socket = connect(grpc.port, host);
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await grpc.release();
    await closed;
    assert.equal(await isFree(grpc.port), true);
  });

  it('are handed on with their socket: nobody can come between', async (t) => {
    const { grpc } = await reserved(t);
    const server = createServer((socket) => socket.end('served'));
    server.listen(grpc.take());
    assert.equal(portOf(server), grpc.port);
    assert.equal(await isFree(grpc.port), false);
    const socket = connect(grpc.port, host).setEncoding('utf8');
    let text = '';
    for await (const part of socket) text += String(part);
    assert.equal(text, 'served');
    // It is another's now.
    await grpc.release();
    assert.equal(await isFree(grpc.port), false);
    server.close();
    await once(server, 'close');
    assert.equal(await isFree(grpc.port), true);
  });

  it('are all given back when one cannot be had', async (t) => {
    const busy = createServer().listen(0, host);
    await once(busy, 'listening');
    t.after(() => busy.close());
    const { grpc } = await reserved(t);
    await grpc.release();
    await assert.rejects(reservePorts(host, { grpcPort: grpc.port, raftPort: portOf(busy) }), {
      code: 'ADDRESS_UNAVAILABLE',
      message: `raftport ${portOf(busy)} on ${host} is in use`,
    });
    assert.equal(await isFree(grpc.port), true);
  });
});
