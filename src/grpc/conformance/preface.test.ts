import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionErrors } from '../testing/cases.js';
import { echoServer, grpcFields, paths } from '../testing/echo-server.js';
import {
  clientPreface,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcMessage,
} from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();

describe('RFC 9113, 3.4: the connection preface', () => {
  void test('the first frame of the server is SETTINGS', async () => {
    const client = await RawClient.connect(server.port);
    client.preface();
    await client.alive();
    assert.equal(client.received[0]!.type, 'SETTINGS');
    assert.equal(client.received[0]!.flags, 0);
    await client.close();
  });

  void test('SETTINGS of the client are acknowledged', async () => {
    const client = await RawClient.connect(server.port);
    client.preface([['INITIAL_WINDOW_SIZE', 100_000]]);
    await client.next(({ type, flags }) => type === 'SETTINGS' && flags === 1, 'SETTINGS ACK');
    await client.close();
  });

  void test('a request may follow at once, before the SETTINGS of the server are known', async () => {
    const client = await RawClient.connect(server.port);
    client.write(
      clientPreface,
      frame('SETTINGS', 0, 0),
      frame('HEADERS', END_HEADERS, 1, client.block(grpcFields(paths.unary))),
      frame('DATA', END_STREAM, 1, grpcMessage(Buffer.from('early'))),
    );
    const { data } = await client.response(1);
    assert.deepEqual(data, grpcMessage(Buffer.from('early')));
    assert.equal(client.received[0]!.type, 'SETTINGS');
    await client.close();
  });

  void test('preface and request, octet by octet', async () => {
    const client = await RawClient.connect(server.port);
    client.acknowledges = false;
    client.socket.setNoDelay(true);
    const whole = Buffer.concat([
      clientPreface,
      frame('SETTINGS', 0, 0),
      frame('HEADERS', END_HEADERS, 1, client.block(grpcFields(paths.unary))),
      frame('DATA', END_STREAM, 1, grpcMessage(Buffer.from('slow'))),
    ]);
    for (const octet of whole) {
      await new Promise<void>((resolve) => client.socket.write(Buffer.of(octet), () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual((await client.response(1)).data, grpcMessage(Buffer.from('slow')));
    await client.close();
  });

  void test('an invalid preface ends the connection', async () => {
    for (const wrong of [
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\rX',
      'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
      '\0\0\0\0\0\0\0\0\0',
    ]) {
      const client = await RawClient.connect(server.port);
      client.write(Buffer.from(wrong, 'latin1'));
      await client.closed;
    }
  });

  for (const [name, first] of Object.entries({
    PING: frame('PING', 0, 0, Buffer.alloc(8)),
    HEADERS: frame('HEADERS', END_HEADERS, 1, Buffer.of(0x82)),
    WINDOW_UPDATE: frame('WINDOW_UPDATE', 0, 0, Buffer.of(0, 0, 0, 1)),
    'SETTINGS ACK': frame('SETTINGS', 1, 0),
    'an unknown frame': frame(0x55, 0, 0),
  })) {
    void test(`a preface that goes on with ${name} instead of SETTINGS`, async () => {
      const client = await RawClient.connect(server.port);
      client.write(clientPreface, first);
      await client.connectionError('PROTOCOL_ERROR');
    });
  }

  void test('a connection that ends within the preface is closed', async () => {
    const client = await RawClient.connect(server.port);
    client.socket.end(clientPreface.subarray(0, 10));
    await client.closed;
    assert.deepEqual(client.received.map(describeFrame), []);
  });

  connectionErrors(server, 'FRAME_SIZE_ERROR', {
    'a second preface is a frame that is too large': (client) => client.write(clientPreface),
  });
});
