import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, test, type TestContext } from 'node:test';
import type { GrpcServerOptions } from '../server.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import {
  ACK,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcMessage,
  uint32,
} from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';
import { serveEcho, type Served } from '../testing/served.js';
import { tlsIdentity } from '../testing/tls-identity.js';

const hello = Buffer.from('hello');

interface Ended extends Served {
  /** Its side may end while the server's goes on. */
  readonly client: RawClient;
}

async function serve(t: TestContext, options: Omit<GrpcServerOptions, 'services'> = {}): Promise<Ended> {
  const served = await serveEcho(t, options);
  const address = { port: served.port, host: '127.0.0.1', allowHalfOpen: true };
  const secure = options.tls !== undefined;
  const socket = secure
    ? connectTls({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    : connect(address);
  await once(socket, secure ? 'secureConnect' : 'connect');
  const client = new RawClient(socket);
  socket.on('end', () => socket.end());
  await client.greet();
  t.after(() => client.close());
  return { ...served, client };
}

/** Nothing comes from the client any more. */
function endInput(client: RawClient): Promise<void> {
  return new Promise((resolve) => client.socket.end(() => resolve()));
}

describe('a client that has ended its side of the connection', () => {
  for (const name of ['without TLS', 'with TLS']) {
    void test(`gets what it has asked for, then the end, ${name}`, async (t) => {
      const options = name === 'with TLS' ? { tls: { ...tlsIdentity } } : {};
      const { client, held } = await serve(t, options);
      client.call(1, grpcFields(paths.hold), hello);
      client.call(3, grpcFields(paths.unary), hello);
      await held.until(1);
      await endInput(client);
      const { payload } = await client.nextOf('GOAWAY');
      assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [3, 0]);
      held.answerAll();
      for (const id of [1, 3]) assert.deepEqual((await client.response(id)).data, grpcMessage(hello));
      await client.closed;
    });
  }

  void test('gets the end at once if it has asked for nothing, or for half of something', async (t) => {
    const { client, held, server } = await serve(t);
    openStream(client, 1, paths.unary);
    client.data(1, grpcMessage(hello).subarray(0, 7));
    openStream(client, 3, paths.ignore);
    await held.until(1);
    await endInput(client);
    await client.nextOf('GOAWAY');
    await client.closed;
    await held.until(0);
    assert.equal(server.stats().streaming, 0);
  });

  void test('gets what it has asked for when all comes at once', async (t) => {
    const { port } = await serveEcho(t);
    const client = await RawClient.connect(port);
    const call = Buffer.concat([
      frame('HEADERS', END_HEADERS, 1, client.block(grpcFields(paths.unary))),
      frame('DATA', END_STREAM, 1, grpcMessage(hello)),
    ]);
    client.preface();
    client.write(call);
    client.socket.end();
    assert.deepEqual((await client.response(1)).data, grpcMessage(hello));
    await client.closed;
  });

  const cutOff: Record<string, (client: RawClient) => void> = {
    'a frame header': (client) => client.write(Buffer.of(0, 0, 9, 0)),
    'a frame': (client) => client.write(frame('PING', 0, 0, Buffer.alloc(8)).subarray(0, 12)),
    'a header block': (client) => client.frame('HEADERS', 0, 3, client.block(grpcFields(paths.unary))),
  };
  for (const [name, send] of Object.entries(cutOff)) {
    void test(`within ${name} has broken off: its calls are cancelled at once`, async (t) => {
      // None of the timeouts helps.
      const { client, held, server } = await serve(t, { limits: { frameTimeoutMs: 1e6 } });
      client.call(1, grpcFields(paths.hold), hello);
      await held.until(1);
      send(client);
      await endInput(client);
      await client.closed;
      await held.until(0);
      assert.equal(server.stats().connectionsFaulted, 0);
    });
  }

  void test('is found out when it is gone altogether: its calls are cancelled', async (t) => {
    const { client, held } = await serve(t);
    client.call(1, grpcFields(paths.hold), hello);
    await held.until(1);
    client.socket.destroy();
    await held.until(0);
  });

  void test('keepaliveTimeoutMs: does not stay for ever', async (t) => {
    const { client, held } = await serve(t, { limits: { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100 } });
    client.call(1, grpcFields(paths.hold), hello);
    await held.until(1);
    await endInput(client);
    await client.closed;
    await held.until(0);
  });

  void test('sendStallTimeoutMs: nor when it does not take its answer', async (t) => {
    const { client, server } = await serve(t, { limits: { sendStallTimeoutMs: 200 } });
    client.call(1, grpcFields(paths.sized), uint32(32 * 1024 * 1024));
    await endInput(client);
    client.socket.pause();
    while (server.stats().connections > 0) await new Promise((resolve) => setImmediate(resolve));
    // It is let go in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.stats().heldBytes, 0);
  });

  void test('is let go when it has shown nothing', async (t) => {
    const { port } = await serveEcho(t);
    for (const begun of ['', 'PRI * HT']) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end(begun);
      socket.resume().on('end', () => socket.end());
      await once(socket, 'close');
    }
  });
});

describe('RFC 9113, 6.8: frames on streams behind the last that GOAWAY has named', () => {
  void test('are ignored, but for the window of the connection and the table', async (t) => {
    const none = { burst: 0, perSecond: 0 };
    const { client, held, server } = await serve(t, { limits: { resetRate: none, uselessFrameRate: none } });
    // The one of the beginning.
    await client.nextOf('WINDOW_UPDATE');
    client.call(1, grpcFields(paths.hold), hello);
    await held.until(1);
    const closed = server.closeGracefully(20_000);
    await client.nextOf('GOAWAY');
    client.frame('PING', ACK, 0, (await client.nextOf('PING')).payload);
    assert.equal((await client.nextOf('GOAWAY')).payload.readUInt32BE(0), 1);
    const insertion = Buffer.of(0x40, 1, 0x61, 1, 0x31);
    const block = Buffer.concat([client.block(grpcFields(paths.unary)), insertion]);
    client.frame('HEADERS', 0, 3, block.subarray(0, 10));
    client.frame('CONTINUATION', END_HEADERS, 3, block.subarray(10));
    client.windowUpdate(3, 100);
    // More than half of the window of the connection.
    for (let count = 0; count < 150; count++) client.data(3, Buffer.alloc(16_384));
    client.data(3, Buffer.alloc(0), END_STREAM);
    client.reset(3);
    client.headers(5, grpcFields(paths.hold));
    client.reset(5);
    await client.nextOf('WINDOW_UPDATE');
    held.answerAll();
    assert.deepEqual((await client.response(1)).data, grpcMessage(hello));
    await client.closed;
    await closed;
    const late = client.received.filter(({ streamId }) => streamId > 1);
    assert.deepEqual(late.map(describeFrame), []);
  });
});
