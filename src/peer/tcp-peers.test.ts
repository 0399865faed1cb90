import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { MalformedBytesError } from '../base/byte-stream.js';
import { crc32c } from '../base/crc32c.js';
import { silentLog } from '../base/log.js';
import { Prng, randomInt } from '../base/prng.js';
import { RealClock } from '../ports/real-clock.js';
import type { Message } from '../raft/types.js';
import { learntMax } from './address-book.js';
import { encodeFrame, FrameParser, frameSizeBytesMax, greetingSizeBytesMax } from './frame.js';
import { decodeAnswer } from './greeting.js';
import { CallerHandshake } from './handshake.js';
import { inboundSizeBytesMax } from './inbound-budget.js';
import { writeMessage } from './message-codec.js';
import { queueLimits } from './message-queue.js';
import { protocolVersions } from './protocol-versions.js';
import { strangerLogIntervalMs } from './stranger-log.js';
import { strangersMax } from './strangers.js';
import { connectionsMax } from './tcp-peers.js';
import {
  calling,
  closed,
  hello,
  ignoring,
  listening,
  member,
  notListening,
  other,
  secret,
  self,
} from './testing/callers.js';
import { greetAsCallee, greetAsCaller } from './testing/greetings.js';

const opening = new CallerHandshake(secret, new Uint8Array(32).fill(1), hello).opening();

void test('garbage closes its own connection and nothing else', async () => {
  const peers = await listening();
  const random = new Prng(5);
  const garbage = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from(Array.from({ length: 3000 }, () => randomInt(random, 256))),
    Buffer.alloc(64),
    Buffer.from(encodeFrame((writer) => writer.string('no greeting'))),
    Buffer.concat([opening.subarray(0, opening.length - 1), Buffer.from([0xff])]),
    Buffer.concat([opening, Buffer.alloc(64)]),
    Buffer.concat([opening, opening]),
  ];
  const good = await member(peers);
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

void test('a greeting has so much time in all, however it dribbles', async () => {
  const fired: (() => void)[] = [];
  const clock = new RealClock();
  const peers = await listening(() => {}, {
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
  });
  const [begun, opened] = [await calling(peers), await calling(peers)];
  begun.resume();
  begun.write(opening.subarray(0, 5));
  opened.write(opening);
  await once(opened, 'data');
  opened.write(Buffer.alloc(4, 1));
  while (fired.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (const fire of fired.slice(0, 2)) fire();
  await Promise.all([closed(begun), closed(opened)]);
  await peers.close();
});

void test('one stranger beyond the limit makes the oldest give way, and members come in all the same', async () => {
  const peers = await listening();
  const strangers: Socket[] = [];
  for (let count = 0; count < strangersMax; count++) strangers.push(await calling(peers));
  for (const socket of strangers) socket.resume();
  assert.equal(peers.held.strangers, strangersMax);
  const letIn = await member(peers);
  await closed(strangers[0]!);
  assert.deepEqual(
    strangers.map((socket) => socket.closed),
    strangers.map((_, at) => at === 0),
  );
  assert.ok(peers.held.connections <= connectionsMax);
  for (const socket of [...strangers, letIn]) socket.destroy();
  await peers.close();
});

void test('strangers are told of at once, and then in one line for all', async () => {
  const lines: string[] = [];
  const timers: (() => void)[] = [];
  const real = new RealClock();
  const warn = (fields: object, text: string): void => void lines.push(`${text} ${JSON.stringify(fields)}`);
  const peers = await listening(() => {}, {
    log: { ...silentLog, warn },
    clock: {
      monotonicMs: () => real.monotonicMs(),
      wallMs: () => real.wallMs(),
      nextTurn: (callback) => real.nextTurn(callback),
      setTimer: (delayMs, callback) => {
        if (delayMs === strangerLogIntervalMs) timers.push(callback);
        return { cancel: () => {} };
      },
    },
  });
  for (let count = 0; count < 20; count++) {
    const socket = await calling(peers);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed(socket);
  }
  assert.equal(lines.length, 1);
  timers[0]!();
  assert.equal(lines.length, 2);
  assert.match(lines[1]!, /"count":19,"addresses":1,"first":"127\.0\.0\.1"/);
  // Nothing since: it is told of at once again.
  timers[1]!();
  assert.equal(timers.length, 2);
  await peers.close();
});

void test('callers that are sent away again and again are told of at a rate, whatever they say', async () => {
  const lines: string[] = [];
  const warn = (fields: object, text: string): void => void lines.push(`${text} ${JSON.stringify(fields)}`);
  const refuse = ({ term }: Message): void => {
    throw new MalformedBytesError(`term ${term}`);
  };
  const peers = await listening(refuse, { log: { ...silentLog, warn } });
  const sentAway = async (id: bigint, term: number): Promise<void> => {
    const socket = await member(peers, { ...hello, caller: { ...other, memberId: id } });
    socket.resume();
    socket.write(
      encodeFrame((writer) =>
        writeMessage(writer, { type: 'timeout-now', from: id, to: self.memberId, term }),
      ),
    );
    await closed(socket);
  };
  for (let count = 0; count < 30; count++) await sentAway(2n, 7);
  assert.equal(lines.length, 1, lines.join('\n'));
  const callers = 60;
  for (let count = 0; count < callers; count++) await sentAway(BigInt(2 + (count % 3)), 8 + count);
  const told = lines.filter((line) => line.startsWith('sent a caller away'));
  assert.ok(told.length < callers / 2, lines.join('\n'));
  await peers.close();
  const [summary] = lines.slice(-1);
  assert.match(summary!, /more of the same, not logged: sent a caller away/);
  assert.equal(told.length + Number(/"times":(\d+)/.exec(summary!)?.[1]), 1 + callers);
});

void test('to one that speaks version 3 what arrives is confirmed, at most once in a while', async () => {
  const peers = await listening();
  const socket = await calling(peers);
  const parser = await greetAsCaller(socket, secret, hello, { versions: { min: 3, max: 3 } });
  let confirmed = 0;
  socket.on('data', (chunk: Buffer) => {
    parser.push(chunk);
    for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
      assert.ok(decodeAnswer(payload).welcome);
      confirmed++;
    }
  });
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
  const peers = notListening({
    // Fifty times as fast.
    clock: {
      monotonicMs: () => real.monotonicMs() * 50,
      wallMs: () => real.wallMs(),
      nextTurn: (callback) => real.nextTurn(callback),
      setTimer: (delayMs, callback) => real.setTimer(delayMs / 50, callback),
    },
  });
  const told = new EventEmitter();
  await peers.start({
    ...ignoring(() => {}),
    // The reason is told right behind it.
    connectionLost: (id) => told.once('unreachable', (reason) => told.emit('lost', id, reason)),
    unreachable: (_id, _address, reason) => told.emit('unreachable', reason),
  });
  const sockets = new Set<Socket>();
  // Welcomes whoever calls, takes everything, and says no more: as behind a network that is cut in one direction.
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    // It may be closed in the middle of it.
    greetAsCallee(socket, secret).catch(() => {});
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  try {
    peers.setMembers(new Map([[2n, `127.0.0.1:${port}`]]));
    // Where greetings do not end in so short a time, on a busy machine, connections are made anew, and none is lost.
    assert.deepEqual(await once(told, 'lost'), [2n, 'it has not answered for 3000 ms']);
    await once(silent, 'connection');
  } finally {
    await peers.close();
    silent.close();
    for (const socket of sockets) socket.destroy();
  }
});

void test('a member speaks for itself, and to this one: whatever else ends its connection', async () => {
  const messages: Message[] = [];
  const peers = await listening((message) => messages.push(message));
  const message = (from: bigint, to: bigint): Message => ({ type: 'timeout-now', from, to, term: 1 });
  for (const wrong of [message(3n, 1n), message(2n, 9n)]) {
    const socket = await member(peers);
    socket.resume();
    socket.write(
      encodeFrame((writer) => {
        for (const each of [message(2n, 1n), wrong, message(2n, 1n)]) writeMessage(writer, each);
      }),
    );
    await closed(socket);
  }
  assert.deepEqual(messages, [message(2n, 1n), message(2n, 1n)]);
  await peers.close();
});

void test('a frame of more messages than may wait anywhere ends its connection', async () => {
  let count = 0;
  const peers = await listening(() => count++);
  for (const messages of [queueLimits.messagesMax, queueLimits.messagesMax + 1]) {
    const socket = await member(peers);
    socket.resume();
    const message: Message = { type: 'read-index', from: 2n, to: 1n, term: 1, context: 1 };
    socket.write(
      encodeFrame((writer) => {
        for (let left = messages; left > 0; left--) writeMessage(writer, message);
      }),
    );
    if (messages > queueLimits.messagesMax) await closed(socket);
    else while (count < messages) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  }
  assert.equal(count, 2 * queueLimits.messagesMax);
  await peers.close();
});

void test('who speaks another version of the protocol is told so, and no more', async () => {
  const peers = await listening();
  const socket = await calling(peers);
  const newer = Buffer.from(opening);
  newer.set([protocolVersions.max + 1, protocolVersions.max + 6], 12);
  newer.writeUInt32LE(crc32c(newer.subarray(8)), 4);
  socket.write(newer);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  const parser = new FrameParser(1000);
  parser.push(chunk);
  assert.deepEqual(decodeAnswer(parser.next()!), {
    welcome: false,
    code: 'wrong-version',
    reason: '',
    versions: protocolVersions,
  });
  await peers.close();
});

void test('whoever does not know the secret is told nothing of the member', async () => {
  const peers = await listening();
  peers.setMembers(new Map([[2n, '127.0.0.1:2']]));
  for (const wrong of [new Uint8Array(0), new Uint8Array(32).fill(4)]) {
    const socket = await calling(peers);
    const said: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => said.push(chunk));
    // Whatever the member says, the stranger answers it as one that does not look.
    await assert.rejects(greetAsCaller(socket, wrong, hello, { credulous: true }));
    await closed(socket);
    const text = Buffer.concat(said).toString('latin1');
    assert.ok(!text.includes('n1') && !text.includes('127.0.0.1'));
    // The challenge, and a refusal without a reason: nothing else.
    assert.equal(text.length, 8 + 1 + (1 + 1 + 32) + 32 + 8 + 3);
  }
  await peers.close();
});

void test('what members begin to say and do not end is counted, and bounded over all of them', async () => {
  const messages: Message[] = [];
  const peers = await listening((message) => messages.push(message));
  const data = new Uint8Array(frameSizeBytesMax - 1024);
  const count = Math.ceil(inboundSizeBytesMax / data.length) + 3;
  const senders: { readonly socket: Socket; readonly frame: Uint8Array }[] = [];
  for (let id = 2n; id < 2n + BigInt(count); id++) {
    const caller = { ...other, memberId: id, address: `127.0.0.1:${id}` };
    const socket = await member(peers, { ...hello, caller });
    socket.resume();
    const message = {
      type: 'propose',
      from: id,
      to: 1n,
      term: 1,
      proposalId: 1,
      configIndex: 0,
      behindId: 0,
    } as const;
    const frame = encodeFrame((writer) => writeMessage(writer, { ...message, entryType: 'normal', data }));
    senders.push({ socket, frame });
  }
  const heldBytes = (): number => peers.held.frameSizeBytes;
  let most = 0;
  const look = (): void => void (most = Math.max(most, heldBytes()));
  for (const { socket, frame } of senders) socket.write(frame.subarray(0, -1));
  while (heldBytes() <= inboundSizeBytesMax) await new Promise((resolve) => setImmediate(resolve));
  for (const { socket, frame } of senders) socket.write(frame.subarray(-1));
  while (messages.length < count) {
    look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  // One goes on at a time; the others hold no more than what came in with the chunk that was too much.
  assert.ok(most <= inboundSizeBytesMax + 2 * frameSizeBytesMax, `${most} bytes were held`);
  assert.equal(heldBytes(), 0);
  senders[0]!.socket.write(senders[0]!.frame.subarray(0, 1000));
  while (heldBytes() === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const { socket } of senders) socket.destroy();
  while (peers.held.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(heldBytes(), 0);
  await peers.close();
});

void test('members that nobody has heard of yet come in, but not without end', async () => {
  const peers = await listening();
  const sockets: Socket[] = [];
  for (let count = 0; count <= learntMax; count++) {
    const caller = { ...other, memberId: BigInt(100 + count), address: `127.0.0.1:${1 + count}` };
    sockets.push(await member(peers, { ...hello, caller }));
  }
  await closed(sockets[0]!);
  assert.equal(peers.held.connections, learntMax);
  for (const socket of sockets) socket.destroy();
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
