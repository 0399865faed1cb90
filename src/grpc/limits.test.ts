import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { END_HEADERS, END_STREAM, frame, grpcMessage, uint32 } from './testing/frames.js';
import { GrpcJsClient } from './testing/grpc-js-client.js';
import { RawClient } from './testing/raw-client.js';
import { echoFields } from './testing/requests.js';
import { serveEcho, type Served } from './testing/served.js';
import type { GrpcLimits } from './limits.js';

const hello = Buffer.from('hello');
const none = { burst: 3, perSecond: 0 };

interface Attack extends Served {
  /** The attacker. */
  readonly client: RawClient;
  /** Somebody else on the same server is served as ever. */
  readonly othersNoticeNothing: () => Promise<void>;
}

async function attack(
  t: TestContext,
  limits: Partial<GrpcLimits>,
  settings: Parameters<typeof RawClient.ready>[1] = [],
): Promise<Attack> {
  const served = await serveEcho(t, { limits: { pingIntervalMsMin: 0, ...limits } });
  const client = await RawClient.ready(served.port, settings);
  const other = new GrpcJsClient(t, served.port);
  t.after(() => client.close());
  const othersNoticeNothing = async (): Promise<void> => {
    assert.deepEqual((await other.ask('Later', hello)).message, hello);
  };
  await othersNoticeNothing();
  return { ...served, client, othersNoticeNothing };
}

describe('floods end with ENHANCE_YOUR_CALM', () => {
  it('of resets: resetRate (CVE-2023-44487)', async (t) => {
    const { client, held, othersNoticeNothing } = await attack(t, { resetRate: none });
    for (let count = 0; count < 4; count++) {
      client.call(1 + 2 * count, echoFields('Hold'), hello);
      client.reset(1 + 2 * count);
    }
    await client.connectionError('ENHANCE_YOUR_CALM');
    await held.until(0);
    await othersNoticeNothing();
  });

  it('of resets that it makes us send: resetRate (CVE-2025-8671)', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { resetRate: none });
    for (let count = 0; count < 4; count++) {
      client.call(1 + 2 * count, echoFields('Hold'), hello);
      client.windowUpdate(1 + 2 * count, 0);
    }
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('but resets now and then are no flood', async (t) => {
    const { client } = await attack(t, { resetRate: { burst: 3, perSecond: 1e6 } });
    for (let count = 0; count < 20; count++) {
      client.call(1 + 2 * count, echoFields('Hold'), hello);
      client.reset(1 + 2 * count);
      await client.alive();
    }
  });

  it('of CONTINUATION: continuationFramesMax, headerBlockSizeBytesMax (CVE-2024-27316)', async (t) => {
    const limits = { continuationFramesMax: 3, headerBlockSizeBytesMax: 1000 };
    const { client, port, othersNoticeNothing } = await attack(t, limits);
    const block = client.block(echoFields('Echo'));
    const split = (parts: number): void => {
      client.frame('HEADERS', 0, 1, block.subarray(0, 5));
      for (let part = 1; part < parts; part++)
        client.frame('CONTINUATION', 0, 1, block.subarray(5 * part, 5 * part + 5));
      client.frame('CONTINUATION', END_HEADERS, 1, block.subarray(5 * parts));
    };
    split(3);
    client.data(1, grpcMessage(hello), END_STREAM);
    assert.deepEqual((await client.response(1)).data, grpcMessage(hello));
    const second = await RawClient.ready(port);
    t.after(() => second.close());
    second.frame('HEADERS', 0, 1, block.subarray(0, 5));
    for (let part = 0; part < 4; part++) second.frame('CONTINUATION', 0, 1, block.subarray(5, 6));
    await second.connectionError('ENHANCE_YOUR_CALM');

    client.frame('HEADERS', 0, 3, new Uint8Array(900));
    client.frame('CONTINUATION', 0, 3, new Uint8Array(101));
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of SETTINGS: settingsRate', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { settingsRate: none });
    // The connection began with one.
    for (let count = 0; count < 3; count++) client.settings([]);
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of PING: pingRate, which each answer of ours earns back', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { pingRate: none });
    for (let count = 0; count < 10; count++) {
      client.call(1 + 2 * count, echoFields('Echo'), hello);
      await client.response(1 + 2 * count);
      await client.alive();
    }
    for (let count = 0; count < 4; count++) client.frame('PING', 0, 0, new Uint8Array(8));
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of PING that comes sooner than pingIntervalMsMin, with the word that clients look for', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { pingIntervalMsMin: 3_600_000 });
    for (let count = 0; count < 4; count++) client.frame('PING', 0, 0, new Uint8Array(8));
    const goAway = await client.nextOf('GOAWAY');
    assert.equal(goAway.payload.readUInt32BE(4), 0xb);
    assert.equal(goAway.payload.toString('utf8', 8), 'too_many_pings');
    await othersNoticeNothing();
  });

  it('of empty DATA: emptyFrameRate', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { emptyFrameRate: none });
    client.headers(1, echoFields('EchoAll'));
    for (let count = 0; count < 4; count++) client.data(1, new Uint8Array(0));
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of empty CONTINUATION: emptyFrameRate', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { emptyFrameRate: none });
    client.frame('HEADERS', 0, 1, new Uint8Array(0));
    for (let count = 0; count < 3; count++) client.frame('CONTINUATION', 0, 1, new Uint8Array(0));
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of WINDOW_UPDATE: windowUpdateRate', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { windowUpdateRate: none });
    for (let count = 0; count < 4; count++) client.windowUpdate(0, 1);
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of frames without use: uselessFrameRate', async (t) => {
    const { client, othersNoticeNothing } = await attack(t, { uselessFrameRate: none });
    client.frame('PRIORITY', 0, 1, new Uint8Array(5));
    client.frame(0xfe, 0, 0, new Uint8Array(100));
    client.call(1, echoFields('Echo'), hello);
    await client.response(1);
    client.reset(1);
    client.frame(0xfe, 0, 0);
    await client.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('of answers to control frames that nobody reads: outputBytesMax', async (t) => {
    const { client, port, othersNoticeNothing, server } = await attack(t, {
      outputBytesMax: 10_000,
      settingsRate: { burst: 1e9, perSecond: 0 },
    });
    // The kernel takes some MiB before the server notices that nobody reads.
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame('SETTINGS', 0, 0)));
    const before = server.stats().connectionsFaulted;
    const closed = once(socket, 'close');
    while (server.stats().connectionsFaulted === before) {
      if (!socket.write(flood)) await Promise.race([once(socket, 'drain'), closed, othersNoticeNothing()]);
    }
    socket.resume();
    await closed;
    await client.alive();
    await othersNoticeNothing();
  });
});

describe('headers', () => {
  it('that unpack to more than headerListSizeBytesMax are refused, and the table stays in step', async (t) => {
    const { client } = await attack(t, { headerListSizeBytesMax: 2000 });
    // One entry of the dynamic table, then a reference to it for each byte.
    const value = 'v'.repeat(1000);
    const literal = Buffer.concat([
      Buffer.of(0x40, 3),
      Buffer.from('x-a'),
      Buffer.of(0x7f, 0xe9, 0x06),
      Buffer.from(value),
    ]);
    const start = client.block(echoFields('Echo'));
    client.frame('HEADERS', END_HEADERS, 1, Buffer.concat([start, literal]));
    client.data(1, grpcMessage(hello), END_STREAM);
    assert.equal((await client.response(1)).trailers.get('grpc-status'), '0');
    client.frame('HEADERS', END_HEADERS, 3, Buffer.concat([start, Buffer.alloc(3000, 0xbe)]));
    client.data(3, grpcMessage(hello), END_STREAM);
    const { trailers } = await client.response(3);
    assert.equal(trailers.get('grpc-status'), '8');
    assert.match(trailers.get('grpc-message')!, /headerListSizeBytesMax/);
    client.frame('HEADERS', END_HEADERS, 5, Buffer.concat([start, Buffer.of(0xbe)]));
    client.data(5, grpcMessage(hello), END_STREAM);
    assert.equal((await client.response(5)).trailers.get('grpc-status'), '0');
  });
});

describe('streams', () => {
  it('past streamsPerConnectionMax are refused, those whose handler still runs among them', async (t) => {
    const { client, held, othersNoticeNothing } = await attack(t, { streamsPerConnectionMax: 2 });
    client.call(1, echoFields('Hold'), hello);
    client.call(3, echoFields('Hold'), hello);
    await held.until(2);
    client.call(5, echoFields('Echo'), hello);
    await client.streamError(5, 'REFUSED_STREAM');
    await othersNoticeNothing();
    held.answerAll();
    await client.response(1);
    await client.response(3);
    client.call(7, echoFields('Echo'), hello);
    await client.response(7);
  });

  it('that were reset count as long as their handlers run', async (t) => {
    let end: (() => void) | undefined;
    const stubborn = new Promise<void>((resolve) => (end = resolve));
    const { port } = await serveEcho(t, { limits: { streamsPerConnectionMax: 1 } }, [
      {
        kind: 'unary',
        name: 'Stubborn',
        call: async (request) => {
          await stubborn;
          return request;
        },
      },
    ]);
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.call(1, echoFields('Stubborn'), hello);
    client.reset(1);
    client.call(3, echoFields('Echo'), hello);
    await client.streamError(3, 'REFUSED_STREAM');
    end!();
    await client.alive();
    client.call(5, echoFields('Echo'), hello);
    await client.response(5);
  });
});

describe('slow clients', () => {
  it('that give no window: the call is reset after sendStallTimeoutMs', async (t) => {
    const { client, server, othersNoticeNothing } = await attack(t, { sendStallTimeoutMs: 100 }, [
      ['INITIAL_WINDOW_SIZE', 0],
    ]);
    client.call(1, echoFields('Sized'), uint32(100_000));
    await client.nextOf('HEADERS', 1);
    await othersNoticeNothing();
    assert.ok(server.stats().heldBytes >= 100_000);
    await client.streamError(1, 'CANCEL');
    assert.equal(server.stats().heldBytes, 0);
  });

  it('that read nothing: the connection is closed after sendStallTimeoutMs', async (t) => {
    const { port, server, othersNoticeNothing, held } = await attack(t, { sendStallTimeoutMs: 200 });
    const slow = await RawClient.ready(port, [['INITIAL_WINDOW_SIZE', 2 ** 31 - 1]]);
    slow.windowUpdate(0, 2 ** 31 - 1 - 65_535);
    await slow.alive();
    slow.socket.pause();
    slow.call(1, echoFields('Hold'), hello);
    await held.until(1);
    for (let count = 1; count < 40; count++) slow.call(1 + 2 * count, echoFields('Sized'), uint32(1_000_000));
    // Its other call ends with it.
    await held.until(0);
    await othersNoticeNothing();
    assert.equal(server.stats().heldBytes, 0);
    slow.socket.resume();
    await slow.closed;
  });

  it('that begin a frame and do not end it: frameTimeoutMs', async (t) => {
    const { client, port, othersNoticeNothing } = await attack(t, { frameTimeoutMs: 50 });
    client.write(frame('DATA', 0, 1, new Uint8Array(10)).subarray(0, 12));
    await client.connectionError('ENHANCE_YOUR_CALM');
    const second = await RawClient.ready(port);
    t.after(() => second.close());
    second.frame('HEADERS', 0, 1, second.block(echoFields('Echo')));
    await second.connectionError('ENHANCE_YOUR_CALM');
    await othersNoticeNothing();
  });

  it('that begin a message and do not end it: messageTimeoutMs', async (t) => {
    const { client, server, othersNoticeNothing } = await attack(t, { messageTimeoutMs: 50 });
    for (const [at, method] of ['Echo', 'EchoAll'].entries()) {
      client.headers(1 + 2 * at, echoFields(method));
      client.data(1 + 2 * at, grpcMessage(hello).subarray(0, 7));
      await client.streamError(1 + 2 * at, 'CANCEL');
    }
    assert.equal(server.stats().heldBytes, 0);
    await othersNoticeNothing();
  });

  it('that send no preface, or half of it, or no SETTINGS: prefaceTimeoutMs, http1TimeoutMs', async (t) => {
    const { port, othersNoticeNothing } = await attack(t, { prefaceTimeoutMs: 50, http1TimeoutMs: 50 });
    const begin = async (text: string): Promise<void> => {
      const client = await RawClient.connect(port);
      client.write(Buffer.from(text));
      await client.closed;
    };
    await Promise.all(['', 'PRI * HT', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET / HTT'].map(begin));
    await othersNoticeNothing();
  });

  it('that do not acknowledge SETTINGS: settingsTimeoutMs', async (t) => {
    const { port, othersNoticeNothing } = await attack(t, { settingsTimeoutMs: 50 });
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('SETTINGS', 0, 0)]));
    await once(socket, 'close');
    assert.ok(received.includes('settingsTimeoutMs'));
    await othersNoticeNothing();
  });
});

describe('memory', () => {
  it('past memoryBytesMax: the connection that holds most is closed', async (t) => {
    const { client, server, held, othersNoticeNothing } = await attack(t, { memoryBytesMax: 3_000_000 }, [
      ['INITIAL_WINDOW_SIZE', 0],
    ]);
    client.call(1, echoFields('Hold'), hello);
    await held.until(1);
    client.call(3, echoFields('Sized'), uint32(1_000_000));
    client.call(5, echoFields('Sized'), uint32(1_000_000));
    await client.nextOf('HEADERS', 5);
    await othersNoticeNothing();
    client.call(7, echoFields('Sized'), uint32(1_000_000));
    await client.connectionError('ENHANCE_YOUR_CALM');
    await held.until(0);
    assert.equal(server.stats().heldBytes, 0);
    await othersNoticeNothing();
  });

  it('of unfinished requests is bounded, and each is served in the end', async (t) => {
    const limits = {
      streamWindowBytes: 65_535,
      receivedBytesPerConnectionMax: 300_000,
      requestSizeBytesMax: 1_000_000,
    };
    const { port, server } = await serveEcho(t, { limits });
    const client = new GrpcJsClient(t, port);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, server.stats().heldBytes)), 1);
    const requests = Array.from({ length: 30 }, (_none, at) => Buffer.alloc(500_000, at));
    const answers = await Promise.all(requests.map((request) => client.ask('Echo', request)));
    clearInterval(watch);
    for (const [at, { message, error }] of answers.entries()) {
      assert.equal(error, undefined);
      assert.ok(message!.equals(requests[at]!));
    }
    assert.equal(server.stats().heldBytes, 0);
    // All at once they are 15 MB, and each buffer is up to twice what has come.
    assert.ok(most < 8_000_000, `${most} bytes`);
  });
});

describe('connections', () => {
  it('past connectionsMax are closed at once', async (t) => {
    const { client, port, server } = await attack(t, { connectionsMax: 2 });
    const third = await RawClient.connect(port);
    await third.closed;
    assert.equal(server.stats().connectionsRefused, 1);
    await client.alive();
  });

  it('without calls are closed after connectionIdleMsMax, those with calls are not', async (t) => {
    const { port, held } = await serveEcho(t, { limits: { connectionIdleMsMax: 50 } });
    const busy = await RawClient.ready(port);
    busy.call(1, echoFields('Hold'), hello);
    const idle = await RawClient.ready(port);
    idle.frame('PING', 1, 0, (await idle.nextOf('PING')).payload);
    await idle.connectionError('NO_ERROR');
    await held.until(1);
    held.answerAll();
    assert.deepEqual((await busy.response(1)).data, grpcMessage(hello));
    busy.frame('PING', 1, 0, (await busy.nextOf('PING')).payload);
    await busy.connectionError('NO_ERROR');
  });

  it('older than connectionAgeMsMax take no more calls, and end after the grace time', async (t) => {
    const { port, held } = await serveEcho(t, {
      limits: { connectionAgeMsMax: 50, connectionAgeGraceMs: 100 },
    });
    const client = await RawClient.ready(port);
    client.call(1, echoFields('Hold'), hello);
    await held.until(1);
    const first = await client.nextOf('GOAWAY');
    assert.equal(first.payload.readUInt32BE(0), 0x7fff_ffff);
    const ping = await client.nextOf('PING');
    // Sent before the client has heard of it: still served.
    client.call(3, echoFields('Echo'), hello);
    client.frame('PING', 1, 0, ping.payload);
    assert.deepEqual((await client.response(3)).data, grpcMessage(hello));
    const second = await client.nextOf('GOAWAY');
    assert.equal(second.payload.readUInt32BE(0), 3);
    await client.closed;
    await held.until(0);
  });

  it('that are silent are pinged, and closed when they do not answer', async (t) => {
    const { port, held } = await serveEcho(t, {
      limits: { keepaliveTimeMs: 40, keepaliveTimeoutMs: 40 },
    });
    const client = await RawClient.ready(port);
    client.call(1, echoFields('Hold'), hello);
    await held.until(1);
    for (let round = 0; round < 3; round++) {
      const ping = await client.nextOf('PING');
      client.frame('PING', 1, 0, ping.payload);
    }
    assert.equal(held.count, 1);
    await client.closed;
    await held.until(0);
  });

  it('that flood with work do not keep others waiting', async (t) => {
    const { port } = await serveEcho(t, { limits: { streamsPerConnectionMax: 100_000 } });
    const flooder = await RawClient.ready(port);
    flooder.windowUpdate(0, 2 ** 30);
    const other = await RawClient.ready(port);
    t.after(() => Promise.all([flooder.close(), other.close()]));
    const block = flooder.block(echoFields('Echo'));
    const calls: Buffer[] = [];
    for (let count = 0; count < 20_000; count++) {
      calls.push(frame('HEADERS', END_HEADERS, 1 + 2 * count, block));
      calls.push(frame('DATA', END_STREAM, 1 + 2 * count, grpcMessage(Buffer.alloc(0))));
    }
    flooder.write(...calls);
    const answered = (): number => flooder.received.filter(({ type }) => type === 'DATA').length;
    await flooder.nextOf('DATA', 1);
    other.call(1, echoFields('Echo'), hello);
    await other.response(1);
    assert.ok(answered() < 15_000, `${answered()} calls came first`);
    await flooder.nextOf('DATA', 39_999);
    assert.equal(answered(), 20_000);
  });
});
