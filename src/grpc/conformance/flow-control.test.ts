import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, connectionErrors, streamErrors } from '../testing/cases.js';
import { echoServer, grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_STREAM, grpcMessage, PADDED, padded, uint32 } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();
const windowSizeBytesMax = 2 ** 31 - 1;

/** Asks for one message of `sizeBytes`; its answer is `sizeBytes` + 5 octets of DATA. */
function ask(client: RawClient, id: number, sizeBytes: number): void {
  openStream(client, id, paths.sized);
  client.data(id, grpcMessage(uint32(sizeBytes)), END_STREAM);
}

async function dataUntil(client: RawClient, id: number, sizeBytes: number): Promise<void> {
  let got = 0;
  while (got < sizeBytes) got += (await client.nextOf('DATA', id)).payload.length;
  assert.equal(got, sizeBytes);
}

describe('RFC 9113, 6.9: WINDOW_UPDATE', () => {
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'by 0 on the connection': (client) => client.windowUpdate(0, 0),
  });
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'by 0 on a stream': (client) => {
      openStream(client, 1);
      client.windowUpdate(1, 0);
    },
  });
  accepted(server, {
    'by the most that there is room for, on the connection': (client) =>
      client.windowUpdate(0, windowSizeBytesMax - 65_535),
    'by the most that there is room for, on a stream': (client) => {
      openStream(client, 1);
      client.windowUpdate(1, windowSizeBytesMax - 65_535);
    },
  });
});

describe('RFC 9113, 6.9.1: the flow-control window', () => {
  connectionErrors(server, 'FLOW_CONTROL_ERROR', {
    'the window of the connection above 2^31 - 1': (client) =>
      client.windowUpdate(0, windowSizeBytesMax - 65_535 + 1),
    'the window of the connection above 2^31 - 1, by several': (client) => {
      client.windowUpdate(0, windowSizeBytesMax - 65_535);
      client.windowUpdate(0, 1);
    },
  });
  streamErrors(server, 1, 'FLOW_CONTROL_ERROR', {
    'the window of a stream above 2^31 - 1': (client) => {
      openStream(client, 1);
      client.windowUpdate(1, windowSizeBytesMax);
    },
    'the window of a stream above 2^31 - 1, by several': (client) => {
      openStream(client, 1);
      client.windowUpdate(1, windowSizeBytesMax - 65_535);
      client.windowUpdate(1, 1);
    },
  });

  void test('the server sends as much as the window of the stream lets it', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 1]]);
    ask(client, 1, 10);
    assert.equal((await client.nextOf('DATA', 1)).payload.length, 1);
    await client.alive();
    client.windowUpdate(1, 3);
    assert.equal((await client.nextOf('DATA', 1)).payload.length, 3);
    await client.alive();
    client.windowUpdate(1, 1000);
    assert.equal((await client.response(1)).data.length, 11);
    await client.close();
  });

  void test('and as the window of the connection lets it, whatever streams there are', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 2 ** 20]]);
    ask(client, 1, 60_000);
    ask(client, 3, 60_000);
    const data = (): number =>
      client.received.reduce((sum, { type, payload }) => sum + (type === 'DATA' ? payload.length : 0), 0);
    while (data() < 65_535) await client.next(({ type }) => type === 'DATA', 'DATA');
    await client.alive();
    assert.equal(data(), 65_535);
    client.windowUpdate(0, 60_000);
    while (data() < 120_010) await client.next(({ type }) => type === 'DATA', 'DATA');
    await client.nextOf('HEADERS', 1);
    await client.nextOf('HEADERS', 3);
    await client.alive();
    await client.close();
  });

  void test('a stream whose window is shut does not hold up another one', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 0]]);
    ask(client, 1, 100);
    ask(client, 3, 100);
    client.windowUpdate(3, 1000);
    assert.equal((await client.response(3)).data.length, 105);
    await client.alive();
    assert.equal(client.received.filter(({ type, streamId }) => type === 'DATA' && streamId === 1).length, 0);
    await client.close();
  });

  void test('HEADERS are not held up by windows', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 0]]);
    client.headers(1, grpcFields(paths.missing));
    assert.equal((await client.response(1)).trailers.get('grpc-status'), '12');
    await client.close();
  });
});

describe('RFC 9113, 6.9.2: the initial window', () => {
  void test('a larger one opens the windows of streams by the difference', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 0]]);
    ask(client, 1, 100);
    await client.nextOf('HEADERS', 1);
    client.settings([['INITIAL_WINDOW_SIZE', 40]]);
    await dataUntil(client, 1, 40);
    client.settings([['INITIAL_WINDOW_SIZE', 1000]]);
    await dataUntil(client, 1, 65);
    await client.close();
  });

  void test('a smaller one may leave a window below 0, which must be made good first', async () => {
    const client = await RawClient.ready(server.port, [['INITIAL_WINDOW_SIZE', 50]]);
    ask(client, 1, 100);
    await dataUntil(client, 1, 50);
    // The window is 0, then -48.
    client.settings([['INITIAL_WINDOW_SIZE', 2]]);
    client.windowUpdate(1, 48);
    await client.alive();
    client.windowUpdate(1, 7);
    await dataUntil(client, 1, 7);
    await client.close();
  });

  connectionErrors(server, 'FLOW_CONTROL_ERROR', {
    'one that makes the window of a stream larger than 2^31 - 1': (client) => {
      openStream(client, 1);
      client.windowUpdate(1, windowSizeBytesMax - 65_535);
      client.settings([['INITIAL_WINDOW_SIZE', 65_536]]);
    },
  });

  accepted(server, {
    'it does not touch the window of the connection': (client) => {
      client.windowUpdate(0, windowSizeBytesMax - 65_535);
      client.settings([['INITIAL_WINDOW_SIZE', windowSizeBytesMax]]);
    },
  });
});

describe('RFC 9113, 6.9: the windows of the server', () => {
  const small = echoServer({ streamWindowBytes: 65_535, connectionWindowBytes: 100_000 });
  const chunk = Buffer.alloc(10_000);

  void test('more than the window of a stream whose messages are not taken', async () => {
    const client = await RawClient.ready(small.port);
    openStream(client, 1, paths.ignore);
    for (let sent = 0; sent < 70_000; sent += chunk.length + 5) client.data(1, grpcMessage(chunk));
    await client.streamError(1, 'FLOW_CONTROL_ERROR');
    await client.close();
  });

  void test('a stream whose messages are not taken does not hold up another one', async () => {
    const client = await RawClient.ready(small.port);
    for (const id of [1, 3]) {
      openStream(client, id, paths.ignore);
      for (let sent = 0; sent < 50_000; sent += chunk.length + 5) client.data(id, grpcMessage(chunk));
    }
    client.call(5, grpcFields(paths.unary), chunk);
    assert.deepEqual((await client.response(5)).data, grpcMessage(chunk));
    await client.close();
  });

  void test('padding counts', async () => {
    const client = await RawClient.ready(small.port);
    openStream(client, 1);
    const content = grpcMessage(Buffer.alloc(60_000, 'c'));
    // 60,005 octets of content with 256 of padding each would be more than the window, were it not given back.
    for (let at = 0; at < content.length; at += 500) {
      await client.alive();
      client.frame('DATA', PADDED, 1, padded(content.subarray(at, at + 500), 255));
    }
    client.data(1, Buffer.alloc(0), END_STREAM);
    client.windowUpdate(0, 100_000);
    client.windowUpdate(1, 100_000);
    assert.equal((await client.response(1)).data.length, content.length);
    await client.close();
  });

  void test('a message larger than both windows comes in, as the windows are opened again', async () => {
    const client = await RawClient.ready(small.port, [['INITIAL_WINDOW_SIZE', 2 ** 24]]);
    client.windowUpdate(0, 2 ** 24);
    const content = grpcMessage(Buffer.alloc(3_000_000, 'c'));
    openStream(client, 1, paths.join);
    const windows = new Map([
      [0, 0],
      [1, 0],
    ]);
    let taken = 0;
    const account = (): void => {
      for (; taken < client.received.length; taken++) {
        const { type, streamId, payload } = client.received[taken]!;
        if (type === 'WINDOW_UPDATE') windows.set(streamId, windows.get(streamId)! + payload.readUInt32BE());
      }
    };
    windows.set(0, 65_535).set(1, 65_535);
    for (let at = 0; at < content.length;) {
      account();
      const room = Math.min(windows.get(0)!, windows.get(1)!, 16_384, content.length - at);
      if (room === 0) {
        await client.next(({ type }) => type === 'WINDOW_UPDATE', 'WINDOW_UPDATE');
        continue;
      }
      client.data(1, content.subarray(at, at + room));
      for (const id of [0, 1]) windows.set(id, windows.get(id)! - room);
      at += room;
    }
    client.data(1, Buffer.alloc(0), END_STREAM);
    assert.deepEqual((await client.response(1)).data.subarray(5), content.subarray(5));
    await client.close();
  });
});
