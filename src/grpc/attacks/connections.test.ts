import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { underAttack } from '../testing/attack.js';
import { clientPreface, END_HEADERS, END_STREAM, frame, grpcMessage } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';
import { echoFields } from '../testing/requests.js';
import { serveEcho } from '../testing/served.js';

const hello = Buffer.from('hello');

describe('beginnings', () => {
  it('prefaceTimeoutMs, http1TimeoutMs: no preface, half of it, no SETTINGS, half of a request', async (t) => {
    await underAttack(t, { prefaceTimeoutMs: 50, http1TimeoutMs: 50 }, async ({ port }) => {
      const begin = async (text: string): Promise<void> => {
        const client = await RawClient.connect(port);
        client.write(Buffer.from(text));
        await client.closed;
      };
      await Promise.all(['', 'PRI * HT', String(clientPreface), 'GET / HTT'].map(begin));
    });
  });

  it('settingsTimeoutMs: SETTINGS that are not acknowledged', async (t) => {
    await underAttack(t, { settingsTimeoutMs: 50 }, async ({ port }) => {
      const client = await RawClient.connect(port);
      client.acknowledges = false;
      client.preface();
      const { payload } = await client.nextOf('GOAWAY');
      assert.match(payload.toString(), /settingsTimeoutMs/);
      await client.closed;
    });
  });
});

describe('connections', () => {
  it('connectionsMax: one more is closed at once', async (t) => {
    await underAttack(t, { connectionsMax: 2 }, async ({ attacker, port, server }) => {
      const third = await RawClient.connect(port);
      await third.closed;
      assert.equal(server.stats().connectionsRefused, 1);
      await attacker.alive();
    });
  });

  it('connectionIdleMsMax: those without calls are closed, those with calls are not', async (t) => {
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

  it('connectionAgeMsMax: past it they take no more calls, and end after connectionAgeGraceMs', async (t) => {
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

  it('keepaliveTimeMs, keepaliveTimeoutMs: silent ones are pinged, and closed when they do not answer', async (t) => {
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

  it('one that floods with work does not keep others waiting', async (t) => {
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

  it('streamsPerConnectionMax: streams that were reset count as long as their handlers run', async (t) => {
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
    const echoed = async (id: number): Promise<ReadonlyMap<string, string>> => {
      client.call(id, echoFields('Echo'), hello);
      return (await client.response(id)).trailers;
    };
    // Four for each that may be open.
    for (const id of [1, 5, 9, 13]) {
      client.call(id, echoFields('Stubborn'), hello);
      client.reset(id);
      if (id < 13) assert.equal((await echoed(id + 2)).get('grpc-status'), '0');
    }
    // With a status: the client cannot know that there is no room.
    const trailers = await echoed(15);
    assert.equal(trailers.get('grpc-status'), '8');
    assert.match(trailers.get('grpc-message')!, /streamsPerConnectionMax/);
    end!();
    await client.alive();
    assert.equal((await echoed(17)).get('grpc-status'), '0');
  });
});
