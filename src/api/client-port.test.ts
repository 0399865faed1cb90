import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeUtf8 } from '../base/bytes.js';
import { silentLog, type Log } from '../base/log.js';
import { Prng, randomInt } from '../base/prng.js';
import { serveMember, type RawClient } from './testing/served-member.js';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

function open(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: false });
  socket.on('error', () => {});
  return socket;
}

async function everything(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  if (!socket.closed) await once(socket, 'close');
  return text;
}

async function works(client: RawClient): Promise<void> {
  const set = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 1, 0x76);
  assert.deepEqual(await client.call('/proto.KeyValueStore/Set', set), Buffer.of(0x08, 1));
}

describe('the client port', () => {
  it('closes connections that send garbage, and serves the others', async (t) => {
    const seed = Number(process.env['KVORUM_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    t.diagnostic(`replay with KVORUM_TEST_SEED=${seed}`);
    const random = new Prng(seed);
    const { client, port } = await serveMember(t);
    await works(client);
    for (let round = 0; round < 20; round++) {
      const garbage = Uint8Array.from({ length: 1 + randomInt(random, 3000) }, () => randomInt(random, 256));
      const socket = open(port);
      // Every second time the connection begins as HTTP/2 does.
      socket.write(
        round % 2 === 0 ? garbage : Buffer.concat([encodeUtf8(preface), Buffer.alloc(9, 0xff), garbage]),
      );
      await everything(socket);
      await works(client);
    }
  });

  it('tells HTTP/1 what this port speaks', async (t) => {
    const { client, port } = await serveMember(t);
    const socket = open(port);
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    assert.match(await everything(socket), /^HTTP\/1\.1 404 [^]*gRPC/);
    await works(client);
  });

  it('takes a preface that arrives byte by byte', async (t) => {
    const { port } = await serveMember(t);
    const socket = open(port);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    for (const byte of encodeUtf8(preface)) {
      socket.write(Uint8Array.of(byte));
      await nextTurn();
    }
    // An empty SETTINGS frame; the server's own begins with its length and type 4.
    socket.write(Buffer.from('000000040000000000', 'hex'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer[3], 4);
    socket.destroy();
  });

  it('closes connections that stay silent or stop half-way', async (t) => {
    const { client, port } = await serveMember(t, { prefaceTimeoutMs: 30 });
    const silent = open(port);
    const stopped = open(port);
    stopped.write(preface.slice(0, 10));
    const ended = open(port);
    ended.end(preface.slice(0, 10));
    assert.deepEqual(await Promise.all([silent, stopped, ended].map(everything)), ['', '', '']);
    await works(client);
  });

  it('closes a connection past connectionsMax and keeps the others', async (t) => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_fields, message) => warnings.push(message) };
    const { client, port } = await serveMember(t, { limits: { connectionsMax: 2 }, log });
    await works(client);
    const second = open(port);
    await once(second, 'connect');
    assert.equal(await everything(open(port)), '');
    assert.deepEqual(warnings, ['connection refused: connectionsMax reached']);
    await works(client);
    assert.equal(second.closed, false);
    second.destroy();
  });
});
