import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, connectionErrors, streamErrors } from '../testing/cases.js';
import { echoServer, grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, grpcMessage, PRIORITY, priorityFields, uint32 } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();
const message = grpcMessage(Buffer.from('m'));

/** The client has sent all, the server has not answered. */
function halfClose(client: RawClient, id: number): void {
  client.headers(id, grpcFields(paths.hold));
  client.data(id, message, END_STREAM);
}

async function finish(client: RawClient, id: number): Promise<void> {
  client.call(id, grpcFields(paths.unary), Buffer.from('m'));
  await client.response(id);
}

describe('RFC 9113, 5.1: idle', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    DATA: (client) => client.data(1, message),
    WINDOW_UPDATE: (client) => client.windowUpdate(1, 100),
    CONTINUATION: (client) => client.frame('CONTINUATION', END_HEADERS, 1),
    'DATA beyond the highest stream': async (client) => {
      await finish(client, 1);
      client.data(3, message);
    },
  });
  accepted(server, {
    PRIORITY: (client) => client.frame('PRIORITY', 0, 1, priorityFields(0)),
    'PRIORITY on a stream of the server': (client) => client.frame('PRIORITY', 0, 2, priorityFields(0)),
  });
});

describe('RFC 9113, 5.1: half-closed (remote)', () => {
  streamErrors(server, 1, 'STREAM_CLOSED', {
    DATA: (client) => {
      halfClose(client, 1);
      client.data(1, message);
    },
    HEADERS: (client) => {
      halfClose(client, 1);
      client.headers(1, ['x-trailer', '1'], END_HEADERS | END_STREAM);
    },
  });
  connectionErrors(server, 'PROTOCOL_ERROR', {
    CONTINUATION: (client) => {
      halfClose(client, 1);
      client.frame('CONTINUATION', END_HEADERS, 1);
    },
  });
  accepted(server, {
    WINDOW_UPDATE: (client) => {
      halfClose(client, 1);
      client.windowUpdate(1, 1000);
    },
    PRIORITY: (client) => {
      halfClose(client, 1);
      client.frame('PRIORITY', 0, 1, priorityFields(0));
    },
    RST_STREAM: (client) => {
      halfClose(client, 1);
      client.reset(1);
    },
  });
});

describe('RFC 9113, 5.1: closed by the client with RST_STREAM', () => {
  const resetting = (send: (client: RawClient) => void) => (client: RawClient) => {
    openStream(client, 1);
    client.reset(1);
    send(client);
  };
  connectionErrors(server, 'STREAM_CLOSED', {
    DATA: resetting((client) => client.data(1, message)),
    HEADERS: resetting((client) => client.headers(1, grpcFields(paths.unary))),
  });
  connectionErrors(server, 'PROTOCOL_ERROR', {
    CONTINUATION: resetting((client) => client.frame('CONTINUATION', END_HEADERS, 1)),
  });
  accepted(server, {
    PRIORITY: resetting((client) => client.frame('PRIORITY', 0, 1, priorityFields(0))),
    'RST_STREAM once more': resetting((client) => client.reset(1)),
    WINDOW_UPDATE: resetting((client) => client.windowUpdate(1, 1)),
  });
});

describe('RFC 9113, 5.1: closed by END_STREAM of both', () => {
  const finished = (send: (client: RawClient) => void) => async (client: RawClient) => {
    await finish(client, 1);
    send(client);
  };
  connectionErrors(server, 'STREAM_CLOSED', {
    DATA: finished((client) => client.data(1, message)),
    HEADERS: finished((client) => client.headers(1, grpcFields(paths.unary))),
  });
  connectionErrors(server, 'PROTOCOL_ERROR', {
    CONTINUATION: finished((client) => client.frame('CONTINUATION', END_HEADERS, 1)),
  });
  accepted(server, {
    PRIORITY: finished((client) => client.frame('PRIORITY', 0, 1, priorityFields(0))),
    RST_STREAM: finished((client) => client.reset(1)),
    WINDOW_UPDATE: finished((client) => client.windowUpdate(1, 1)),
  });
});

describe('RFC 9113, 5.1: closed by the server with RST_STREAM', () => {
  /** What the client sends may have been on its way before it learned of the reset. */
  const refused = (send: (client: RawClient) => void) => async (client: RawClient) => {
    client.headers(1, [':method', 'GET']);
    await client.nextOf('RST_STREAM', 1);
    send(client);
  };
  accepted(server, {
    DATA: refused((client) => client.data(1, message, END_STREAM)),
    HEADERS: refused((client) => client.headers(1, ['x-trailer', '1'], END_HEADERS | END_STREAM)),
    WINDOW_UPDATE: refused((client) => client.windowUpdate(1, 1)),
    RST_STREAM: refused((client) => client.reset(1)),
    PRIORITY: refused((client) => client.frame('PRIORITY', 0, 1, priorityFields(0))),
  });

  void test('DATA that is passed over is given back to the window of the connection', async () => {
    const client = await RawClient.ready(server.port);
    let streamId = -1;
    let streamLeftBytes = 0;
    const nextStream = async (): Promise<void> => {
      streamId += 2;
      streamLeftBytes = 65_535;
      client.headers(streamId, [':method', 'GET']);
      await client.nextOf('RST_STREAM', streamId);
    };
    let windowBytes = 65_535;
    let sentBytes = 0;
    const account = (): void => {
      for (const each of client.received.splice(0)) {
        if (each.type === 'WINDOW_UPDATE' && each.streamId === 0) windowBytes += each.payload.readUInt32BE();
      }
    };
    while (sentBytes < 8 * 1024 * 1024) {
      await client.alive();
      account();
      if (streamLeftBytes < 16_384) await nextStream();
      const sizeBytes = Math.min(16_384, windowBytes);
      assert.ok(sizeBytes > 0, `the window is used up after ${sentBytes} bytes`);
      client.data(streamId, Buffer.alloc(sizeBytes));
      sentBytes += sizeBytes;
      windowBytes -= sizeBytes;
      streamLeftBytes -= sizeBytes;
    }
    await client.close();
  });

  void test('5.4.2: no RST_STREAM in answer to RST_STREAM, and none twice', async () => {
    const client = await RawClient.ready(server.port);
    client.headers(1, [':method', 'GET']);
    client.reset(1);
    client.data(1, message);
    openStream(client, 3);
    client.reset(3);
    client.reset(3);
    await client.alive();
    const resets = client.received.filter(({ type }) => type === 'RST_STREAM');
    assert.deepEqual(
      resets.map(({ streamId }) => streamId),
      [1],
    );
    await client.close();
  });
});

describe('RFC 9113, 5.1: open', () => {
  void test('5.4.3: a stream that the client resets ends its call', async () => {
    const client = await RawClient.ready(server.port);
    halfClose(client, 1);
    await server.held.until(1);
    client.reset(1);
    await server.held.until(0);
    await client.alive();
    await client.close();
  });

  void test('5.4.3: a connection that is lost ends its calls', async () => {
    const client = await RawClient.ready(server.port);
    halfClose(client, 1);
    halfClose(client, 3);
    await server.held.until(2);
    await client.close();
    await server.held.until(0);
  });

  void test('half-closed (local): the server has answered, the client goes on sending', async () => {
    const client = await RawClient.ready(server.port);
    // Answered before any content has come: there is no such method.
    client.headers(1, grpcFields(paths.missing));
    const { trailers } = await client.response(1);
    assert.equal(trailers.get('grpc-status'), '12');
    client.data(1, message);
    client.data(1, message, END_STREAM);
    await client.alive();
    await client.close();
  });
});

describe('RFC 9113, 5.1.1: stream identifiers', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'an even identifier': (client) => client.headers(2, grpcFields(paths.unary)),
    'HEADERS on stream 0': (client) => client.headers(0, grpcFields(paths.unary)),
    'DATA on a stream of the server': async (client) => {
      await finish(client, 5);
      client.data(4, message);
    },
  });
  connectionErrors(server, ['PROTOCOL_ERROR', 'STREAM_CLOSED'], {
    'an identifier lower than one before': async (client) => {
      await finish(client, 5);
      client.headers(3, grpcFields(paths.unary));
    },
    'DATA on an identifier that was left out': async (client) => {
      await finish(client, 5);
      client.data(3, message);
    },
  });
  void test('identifiers may be left out, up to the last', async () => {
    const client = await RawClient.ready(server.port);
    for (const id of [1, 101, 65_537, 0x7fff_ffff]) await finish(client, id);
    await client.alive();
    await client.close();
  });
});

describe('RFC 9113, 5.1.2: stream concurrency', () => {
  const small = echoServer({ streamsPerConnectionMax: 3 });

  void test('the limit is announced', async () => {
    const client = await RawClient.ready(small.port);
    const { payload } = client.received[0]!;
    const settings = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) {
      settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    assert.equal(settings.get(3), 3);
    await client.close();
  });

  void test('one stream more than the limit is refused, and one less makes room again', async () => {
    const client = await RawClient.ready(small.port);
    for (const id of [1, 3, 5]) openStream(client, id);
    client.headers(7, grpcFields(paths.unary));
    await client.streamError(7, 'REFUSED_STREAM');
    client.data(3, message, END_STREAM);
    await client.response(3);
    await finish(client, 9);
    await client.close();
  });
});

describe('RFC 9113, 5.3: priority is taken and ignored', () => {
  accepted(server, {
    'PRIORITY of any weight and dependency': (client) => {
      for (const weight of [0, 1, 255]) client.frame('PRIORITY', 0, 1, priorityFields(7, weight, true));
    },
    'PRIORITY on a stream below one that is opened later': async (client) => {
      client.frame('PRIORITY', 0, 7, priorityFields(0));
      await finish(client, 1);
    },
  });
  void test('HEADERS with a priority', async () => {
    const client = await RawClient.ready(server.port);
    const block = client.block(grpcFields(paths.unary));
    client.frame('HEADERS', END_HEADERS | PRIORITY, 1, Buffer.concat([priorityFields(3, 200, true), block]));
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });
  connectionErrors(server, 'PROTOCOL_ERROR', {
    '6.3: PRIORITY on stream 0': (client) => client.frame('PRIORITY', 0, 0, priorityFields(1)),
  });
});

describe('RFC 9113, 5.4.1: connection errors', () => {
  void test('GOAWAY names the last stream that was taken', async () => {
    const client = await RawClient.ready(server.port);
    await finish(client, 1);
    await finish(client, 5);
    client.frame('PING', 0, 1, Buffer.alloc(8));
    const { payload } = await client.nextOf('GOAWAY');
    assert.equal(payload.readUInt32BE(0), 5);
    assert.equal(payload.readUInt32BE(4), 1);
    await client.closed;
  });

  void test('frames behind the error are not acted on', async () => {
    const client = await RawClient.ready(server.port);
    client.frame('PING', 0, 1, Buffer.alloc(8));
    for (let id = 1; id < 400; id += 2) client.call(id, grpcFields(paths.unary), Buffer.alloc(1000));
    await client.connectionError('PROTOCOL_ERROR');
    assert.equal(client.received.filter(({ type }) => type === 'HEADERS').length, 0);
    assert.equal(client.received.filter(({ type }) => type === 'GOAWAY').length, 1);
  });
});

describe('RFC 9113, 7: error codes', () => {
  accepted(server, {
    'RST_STREAM with an unknown code': (client) => {
      openStream(client, 1);
      client.frame('RST_STREAM', 0, 1, uint32(0xff));
    },
  });
  void test('GOAWAY with an unknown code lets calls finish', async () => {
    const client = await RawClient.ready(server.port);
    openStream(client, 1);
    client.frame('GOAWAY', 0, 0, Buffer.concat([uint32(0), uint32(0xff)]));
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });
});
