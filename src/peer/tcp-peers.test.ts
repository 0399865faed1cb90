import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../base/log.js';
import { Prng, randomInt } from '../base/prng.js';
import type { PeersHandler } from '../ports/peers.js';
import { RealClock } from '../ports/real-clock.js';
import type { Message } from '../raft/types.js';
import { encodeFrame, greetingSizeBytesMax } from './frame.js';
import { decodeAnswer, encodeAnswer, encodeHello } from './greeting.js';
import { FrameParser } from './frame.js';
import { strangersMax, TcpPeers } from './tcp-peers.js';

const self = { clusterId: 7n, memberId: 1n, name: 'n1' };

function ignoring(message: (message: Message) => void): PeersHandler {
  return {
    message,
    connectionLost: () => {},
    unreachable: () => {},
    removedFromCluster: () => {},
    refused: () => {},
    incomingSnapshot: () => Promise.resolve(undefined),
  };
}

async function listening(message: (message: Message) => void = () => {}): Promise<TcpPeers> {
  const peers = new TcpPeers({
    identity: { ...self, address: '127.0.0.1:1' },
    listenHost: '127.0.0.1',
    listenPort: 0,
    random: new Prng(1),
    clock: new RealClock(),
    log: silentLog,
  });
  await peers.start(ignoring(message));
  return peers;
}

async function calling(peers: TcpPeers): Promise<Socket> {
  const socket = connect({ port: peers.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** However it ends: a reset is an end too. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

const hello = encodeHello({
  caller: { clusterId: 7n, memberId: 2n, name: 'n2', address: '127.0.0.1:2' },
  target: 1n,
  purpose: 'messages',
});

void test('garbage closes its own connection and nothing else', async () => {
  const peers = await listening();
  const random = new Prng(5);
  const garbage = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from(Array.from({ length: 3000 }, () => randomInt(random, 256))),
    Buffer.alloc(64),
    Buffer.from(encodeFrame((writer) => writer.string('no greeting'))),
    Buffer.concat([hello.subarray(0, hello.length - 1), Buffer.from([0xff])]),
  ];
  const good = await calling(peers);
  good.write(hello);
  await once(good, 'data');
  for (const bytes of garbage) {
    const socket = await calling(peers);
    socket.resume();
    socket.write(bytes);
    await closed(socket);
  }
  assert.equal(good.destroyed, false);
  good.destroy();
  await peers.close();
});

void test('before the greeting nobody may send more than a little', async () => {
  const peers = await listening();
  const socket = await calling(peers);
  socket.resume();
  const head = Buffer.alloc(8);
  head.writeUInt32LE(greetingSizeBytesMax + 1);
  socket.write(head);
  await closed(socket);
  await peers.close();
});

void test('a half-open connection is closed when the time for its greeting is over', async () => {
  const fired: (() => void)[] = [];
  const clock = new RealClock();
  const peers = new TcpPeers({
    identity: { ...self, address: '127.0.0.1:1' },
    listenHost: '127.0.0.1',
    listenPort: 0,
    random: new Prng(1),
    // The test says when the time is over.
    clock: {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs(),
      nextTurn: (callback) => clock.nextTurn(callback),
      setTimer: (_, callback) => {
        fired.push(callback);
        return { cancel: () => {} };
      },
    },
    log: silentLog,
  });
  await peers.start(ignoring(() => {}));
  const socket = await calling(peers);
  socket.resume();
  socket.write(hello.subarray(0, 5));
  while (fired.length === 0) await new Promise((resolve) => setImmediate(resolve));
  fired[0]!();
  await closed(socket);
  await peers.close();
});

void test('one stranger beyond the limit makes the oldest give way, and members come in all the same', async () => {
  const peers = await listening();
  const strangers: Socket[] = [];
  for (let count = 0; count < strangersMax; count++) strangers.push(await calling(peers));
  for (const socket of strangers) socket.resume();
  const member = await calling(peers);
  member.write(hello);
  await once(member, 'data');
  await closed(strangers[0]!);
  assert.deepEqual(
    strangers.map((socket) => socket.closed),
    strangers.map((_, at) => at === 0),
  );
  for (const socket of [...strangers, member]) socket.destroy();
  await peers.close();
});

void test('what arrives is confirmed, at most once in a while', async () => {
  const peers = await listening();
  const socket = await calling(peers);
  const parser = new FrameParser(1000);
  let confirmed = 0;
  socket.on('data', (chunk: Buffer) => {
    parser.push(chunk);
    for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
      assert.ok(decodeAnswer(payload).welcome);
      confirmed++;
    }
  });
  socket.write(hello);
  const empty = encodeFrame(() => {}, 0);
  while (confirmed < 2) {
    socket.write(empty);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let count = 0; count < 20; count++) socket.write(empty);
  assert.ok(confirmed <= 3);
  socket.destroy();
  await peers.close();
});

void test('a connection on which nobody confirms anything any more is made anew', async () => {
  const real = new RealClock();
  const peers = new TcpPeers({
    identity: { ...self, address: '127.0.0.1:1' },
    listenHost: '127.0.0.1',
    listenPort: 0,
    random: new Prng(1),
    // Fifty times as fast.
    clock: {
      monotonicMs: () => real.monotonicMs() * 50,
      wallMs: () => real.wallMs(),
      nextTurn: (callback) => real.nextTurn(callback),
      setTimer: (delayMs, callback) => real.setTimer(delayMs / 50, callback),
    },
    log: silentLog,
  });
  const lost: bigint[] = [];
  await peers.start({ ...ignoring(() => {}), connectionLost: (id) => lost.push(id) });
  // Welcomes whoever calls, takes everything, and says no more: as behind a network that is cut in one direction.
  const silent = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(encodeAnswer({ welcome: true })));
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  peers.setMembers(new Map([[2n, `127.0.0.1:${port}`]]));
  const [first] = (await once(silent, 'connection')) as [Socket];
  const [second] = (await once(silent, 'connection')) as [Socket];
  assert.deepEqual(lost, [2n]);
  for (const socket of [first, second]) socket.destroy();
  await peers.close();
  silent.close();
});

void test('a member speaks for itself alone', async () => {
  const messages: Message[] = [];
  const peers = await listening((message) => messages.push(message));
  const socket = await calling(peers);
  socket.write(hello);
  await once(socket, 'data');
  const { writeMessage } = await import('./message-codec.js');
  const message = (from: bigint, to: bigint): Message => ({ type: 'timeout-now', from, to, term: 1 });
  socket.write(
    encodeFrame((writer) => {
      for (const each of [message(3n, 1n), message(2n, 9n), message(2n, 1n)]) writeMessage(writer, each);
    }),
  );
  while (messages.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(messages, [message(2n, 1n)]);
  socket.destroy();
  await peers.close();
});

void test('who speaks another version of the protocol is told so', async () => {
  const peers = await listening();
  const socket = await calling(peers);
  const newer = Buffer.from(hello);
  newer[12] = 2;
  const { crc32c } = await import('../base/crc32c.js');
  newer.writeUInt32LE(crc32c(newer.subarray(8)), 4);
  socket.write(newer);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  const parser = new FrameParser(1000);
  parser.push(chunk);
  const answer = decodeAnswer(parser.next()!);
  assert.ok(!answer.welcome);
  assert.equal(answer.code, 'wrong-version');
  await peers.close();
});

void test('a member that is down is called again and again, and reached when it is up', async () => {
  const reserve = createServer();
  reserve.listen(0, '127.0.0.1');
  await once(reserve, 'listening');
  const { port } = reserve.address() as { port: number };
  reserve.close();
  await once(reserve, 'close');
  const peers = await listening();
  peers.setMembers(new Map([[2n, `127.0.0.1:${port}`]]));
  const late = createServer();
  // Long enough for several attempts to have failed first.
  late.listen(port, '127.0.0.1');
  const [socket] = (await once(late, 'connection')) as [Socket];
  socket.destroy();
  late.close();
  await peers.close();
});
