import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, connectionErrors } from '../testing/cases.js';
import { echoServer, grpcFields, openStream, paths } from '../testing/echo-server.js';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  grpcMessage,
  PADDED,
  padded,
  PRIORITY,
  priorityFields,
  uint32,
} from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';
import { serveEcho } from '../testing/served.js';

const server = echoServer();
const message = grpcMessage(Buffer.from('m'));

describe('RFC 9113, 6.1: DATA', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on stream 0': (client) => client.data(0, message),
    'padding as long as the payload': (client) => {
      openStream(client, 1);
      client.frame('DATA', PADDED, 1, Buffer.of(3, 0, 0));
    },
    'padding longer than the payload': (client) => {
      openStream(client, 1);
      client.frame('DATA', PADDED, 1, Buffer.of(255, 0, 0));
    },
  });

  void test('padding of every length is left out of the content', async () => {
    const client = await RawClient.ready(server.port);
    const content = grpcMessage(Buffer.alloc(256, 'p'));
    openStream(client, 1);
    for (let length = 0; length < 256; length++) {
      client.frame('DATA', PADDED, 1, padded(content.subarray(length, length + 1), length));
    }
    client.frame('DATA', PADDED | END_STREAM, 1, padded(content.subarray(256), 255));
    assert.deepEqual((await client.response(1)).data, content);
    await client.close();
  });

  void test('a message split anywhere, and messages in one frame', async () => {
    const client = await RawClient.ready(server.port);
    const content = grpcMessage(Buffer.from('0123456789'));
    let id = 1;
    for (let cut = 0; cut <= content.length; cut++, id += 2) {
      openStream(client, id);
      client.data(id, content.subarray(0, cut));
      client.data(id, content.subarray(cut), END_STREAM);
      assert.deepEqual((await client.response(id)).data, content);
    }
    openStream(client, id, paths.chat);
    client.data(id, Buffer.concat([content, content, content]), END_STREAM);
    assert.deepEqual((await client.response(id)).data, Buffer.concat([content, content, content]));
    await client.close();
  });

  void test('empty frames, and an empty one that ends the stream', async () => {
    const client = await RawClient.ready(server.port);
    openStream(client, 1);
    client.data(1, Buffer.alloc(0));
    client.data(1, message);
    client.data(1, Buffer.alloc(0));
    client.data(1, Buffer.alloc(0), END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });
});

describe('RFC 9113, 6.2: HEADERS', () => {
  const fields = grpcFields(paths.unary);
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on stream 0': (client) => client.headers(0, fields),
    'padding as long as the payload': (client) =>
      client.frame('HEADERS', END_HEADERS | PADDED, 1, Buffer.of(2, 0x82)),
    'padding longer than the payload': (client) =>
      client.frame('HEADERS', END_HEADERS | PADDED, 1, Buffer.of(200, 0x82)),
  });
  connectionErrors(server, ['PROTOCOL_ERROR', 'FRAME_SIZE_ERROR'], {
    'padding that leaves no room for the priority': (client) =>
      client.frame('HEADERS', END_HEADERS | PADDED | PRIORITY, 1, padded(Buffer.alloc(4), 3)),
  });

  for (const [name, flags, wrap] of [
    ['padding', PADDED, (block: Uint8Array) => padded(block, 200)],
    ['no octet of padding', PADDED, (block: Uint8Array) => padded(block, 0)],
    ['a priority', PRIORITY, (block: Uint8Array) => Buffer.concat([priorityFields(0), block])],
    [
      'padding and a priority',
      PADDED | PRIORITY,
      (block: Uint8Array) => padded(Buffer.concat([priorityFields(0), block]), 255),
    ],
  ] as const) {
    void test(`with ${name}`, async () => {
      const client = await RawClient.ready(server.port);
      client.frame('HEADERS', END_HEADERS | flags, 1, wrap(client.block(fields)));
      client.data(1, message, END_STREAM);
      assert.deepEqual((await client.response(1)).data, message);
      await client.close();
    });
    void test(`with ${name}, and CONTINUATION behind it`, async () => {
      const client = await RawClient.ready(server.port);
      const block = client.block(fields);
      client.frame('HEADERS', flags, 1, wrap(block.subarray(0, 7)));
      client.frame('CONTINUATION', END_HEADERS, 1, block.subarray(7));
      client.data(1, message, END_STREAM);
      assert.deepEqual((await client.response(1)).data, message);
      await client.close();
    });
  }
});

describe('RFC 9113, 6.4: RST_STREAM', () => {
  accepted(server, {
    // Section 6.4 calls it a connection error; gRPC's C core does it to calls that it cancels before it sends them.
    'on an idle stream': async (client) => {
      client.reset(1);
      client.reset(7);
      client.call(9, grpcFields(paths.unary), Buffer.from('m'));
      await client.response(9);
    },
  });
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on stream 0': (client) => client.reset(0),
    'on a stream of the server': (client) => client.reset(2),
  });
});

describe('RFC 9113, 6.5: SETTINGS', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on a stream': (client) => client.frame('SETTINGS', 0, 1),
    'ACK on a stream': (client) => client.frame('SETTINGS', ACK, 1),
    'ENABLE_PUSH of 2': (client) => client.settings([['ENABLE_PUSH', 2]]),
    'MAX_FRAME_SIZE below 2^14': (client) => client.settings([['MAX_FRAME_SIZE', 16_383]]),
    'MAX_FRAME_SIZE of 2^24': (client) => client.settings([['MAX_FRAME_SIZE', 16_777_216]]),
    'a wrong value behind right ones': (client) =>
      client.settings([
        ['MAX_FRAME_SIZE', 16_384],
        ['ENABLE_PUSH', 3],
      ]),
  });
  connectionErrors(server, 'FLOW_CONTROL_ERROR', {
    'INITIAL_WINDOW_SIZE of 2^31': (client) => client.settings([['INITIAL_WINDOW_SIZE', 2 ** 31]]),
    'INITIAL_WINDOW_SIZE of 2^32 - 1': (client) => client.settings([['INITIAL_WINDOW_SIZE', 2 ** 32 - 1]]),
  });
  accepted(server, {
    'empty SETTINGS': (client) => client.settings([]),
    'unknown settings': (client) =>
      client.settings([
        [0, 1],
        [7, 2 ** 32 - 1],
        [0xffff, 5],
      ]),
    'values at their limits': (client) =>
      client.settings([
        ['HEADER_TABLE_SIZE', 2 ** 32 - 1],
        ['ENABLE_PUSH', 1],
        ['MAX_CONCURRENT_STREAMS', 0],
        ['INITIAL_WINDOW_SIZE', 2 ** 31 - 1],
        ['MAX_FRAME_SIZE', 2 ** 24 - 1],
        ['MAX_HEADER_LIST_SIZE', 0],
      ]),
    'an ACK that nobody waits for': (client) => client.frame('SETTINGS', ACK, 0),
  });

  void test('6.5.3: each SETTINGS is acknowledged once', async () => {
    const client = await RawClient.ready(server.port);
    for (let count = 0; count < 5; count++) client.settings([['INITIAL_WINDOW_SIZE', count]]);
    await client.alive();
    const acks = client.received.filter(({ type, flags }) => type === 'SETTINGS' && flags === ACK);
    assert.equal(acks.length, 6);
    for (const { payload } of acks) assert.equal(payload.length, 0);
    await client.close();
  });

  void test('6.5.3: of several values of one setting the last counts', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 0]]);
    client.settings([
      ['INITIAL_WINDOW_SIZE', 100],
      ['INITIAL_WINDOW_SIZE', 3],
    ]);
    client.call(1, grpcFields(paths.unary), Buffer.from('abc'));
    const { payload } = await client.nextOf('DATA', 1);
    assert.equal(payload.length, 3);
    await client.close();
  });

  void test('6.5.2: MAX_FRAME_SIZE lets the server send larger frames, but not larger ones than that', async () => {
    const client = await RawClient.ready(server.port, [
      ['MAX_FRAME_SIZE', 20_000],
      ['INITIAL_WINDOW_SIZE', 2 ** 20],
    ]);
    client.windowUpdate(0, 2 ** 20);
    openStream(client, 1, paths.sized);
    client.data(1, grpcMessage(uint32(100_000)), END_STREAM);
    assert.equal((await client.response(1)).data.length, 100_005);
    for (const { type, payload } of client.received) assert.ok(type !== 'DATA' || payload.length <= 20_000);
    await client.close();
  });
});

describe('RFC 9113, 6.6 and 8.4: PUSH_PROMISE', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on an open stream': (client) => {
      openStream(client, 1);
      client.frame('PUSH_PROMISE', END_HEADERS, 1, Buffer.concat([uint32(2), Buffer.of(0x82)]));
    },
    'on the connection': (client) => client.frame('PUSH_PROMISE', END_HEADERS, 0, uint32(2)),
  });
  void test('the server never pushes, and does not offer to', async () => {
    const client = await RawClient.ready(server.port, [['ENABLE_PUSH', 1]]);
    client.call(1, grpcFields(paths.unary), Buffer.from('m'));
    await client.response(1);
    const { payload } = client.received[0]!;
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === 2) assert.equal(payload.readUInt32BE(at + 2), 0);
    }
    assert.equal(client.received.filter(({ type }) => type === 'PUSH_PROMISE').length, 0);
    await client.close();
  });
});

describe('RFC 9113, 6.7: PING', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on a stream': (client) => client.frame('PING', 0, 1, Buffer.alloc(8)),
    'ACK on a stream': (client) => client.frame('PING', ACK, 1, Buffer.alloc(8)),
  });

  void test('is answered with the same payload, in order', async () => {
    const client = await RawClient.ready(server.port);
    const payloads = ['first---', 'second--'].map((text) => Buffer.from(text));
    for (const payload of payloads) client.frame('PING', 0, 0, payload);
    for (const payload of payloads) assert.deepEqual((await client.nextOf('PING')).payload, payload);
    await client.close();
  });

  void test('an ACK is not answered', async () => {
    const client = await RawClient.ready(server.port);
    client.frame('PING', ACK, 0, Buffer.from('nobody--'));
    await client.alive();
    assert.equal(client.received.filter(({ type }) => type === 'PING').length, 1);
    await client.close();
  });

  void test('is answered while the windows are shut', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 0]]);
    openStream(client, 1, paths.sized);
    client.data(1, grpcMessage(uint32(100_000)), END_STREAM);
    await client.nextOf('HEADERS', 1);
    await client.alive();
    await client.close();
  });
});

describe('RFC 9113, 6.8: GOAWAY', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on a stream': (client) => client.frame('GOAWAY', 0, 1, Buffer.alloc(8)),
  });

  void test('of the client: what is open is finished', async () => {
    const client = await RawClient.ready(server.port);
    openStream(client, 1);
    client.frame('GOAWAY', 0, 0, Buffer.alloc(8 + 100));
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });

  void test('of the server, draining: what is open is finished, what comes late is refused', async (t) => {
    const draining = await serveEcho(t);
    const client = await RawClient.ready(draining.port);
    openStream(client, 1);
    await client.alive();
    const drained = draining.server.closeGracefully(20_000);
    const first = await client.nextOf('GOAWAY');
    assert.equal(first.payload.readUInt32BE(4), 0);
    // Streams that are on their way may still be taken; in the end the last one is named.
    const second = await client.answeringPings(() => client.nextOf('GOAWAY'));
    assert.equal(second.payload.readUInt32BE(4), 0);
    assert.equal(second.payload.readUInt32BE(0), 1);
    client.headers(3, grpcFields(paths.unary));
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.closed;
    await drained;
    assert.equal(
      client.received.filter(({ streamId, type }) => streamId === 3 && type === 'HEADERS').length,
      0,
    );
  });
});

describe('RFC 9113, 6.10: CONTINUATION', () => {
  const block = (client: RawClient): Uint8Array => client.block(grpcFields(paths.unary));
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'on stream 0': (client) => {
      client.frame('HEADERS', END_STREAM, 1, block(client));
      client.frame('CONTINUATION', END_HEADERS, 0);
    },
    'behind HEADERS with END_HEADERS': (client) => {
      client.frame('HEADERS', END_HEADERS, 1, block(client));
      client.frame('CONTINUATION', END_HEADERS, 1);
    },
    'behind CONTINUATION with END_HEADERS': (client) => {
      client.frame('HEADERS', 0, 1, block(client));
      client.frame('CONTINUATION', END_HEADERS, 1);
      client.frame('CONTINUATION', END_HEADERS, 1);
    },
    'behind DATA': (client) => {
      openStream(client, 1);
      client.data(1, message);
      client.frame('CONTINUATION', END_HEADERS, 1);
    },
  });

  void test('several of them', async () => {
    const client = await RawClient.ready(server.port);
    const whole = block(client);
    client.frame('HEADERS', 0, 1, whole.subarray(0, 3));
    client.frame('CONTINUATION', 0, 1, whole.subarray(3, 10));
    client.frame('CONTINUATION', END_HEADERS, 1, whole.subarray(10));
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });

  void test('END_STREAM of HEADERS counts from the end of the block on', async () => {
    const client = await RawClient.ready(server.port);
    openStream(client, 1);
    client.data(1, message);
    client.frame('HEADERS', END_STREAM, 1, client.block(['x-first', '1']));
    client.frame('CONTINUATION', END_HEADERS, 1, client.block(['x-second', '2']));
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });
});
