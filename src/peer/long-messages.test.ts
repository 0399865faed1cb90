import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { ByteReader } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import type { Message } from '../raft/types.js';
import { frameSizeBytesMax } from './frame.js';
import { readMessage } from './message-codec.js';
import { decodeTaken, encodeTaken, isPart, PartAssembler, partSizeBytes } from './message-parts.js';
import { OutgoingFrames } from './outgoing-frames.js';
import { calling, closed, hello, listening, member, secret } from './testing/callers.js';
import { greetAsCallee, greetAsCaller } from './testing/greetings.js';

const proposal = (sizeBytes: number): Message => ({
  ...{
    type: 'propose',
    from: 2n,
    to: 1n,
    term: 300,
    proposalId: 1,
    entryType: 'normal',
    configIndex: 0,
    behindId: 0,
  },
  data: new Uint8Array(sizeBytes),
});

/** All frames of what a member has to say. */
function framesOf(...messages: readonly Message[]): Uint8Array[] {
  const frames = new OutgoingFrames();
  for (const message of messages) frames.push(message);
  const all: Uint8Array[] = [];
  for (let frame = frames.next(4, true); frame !== undefined; frame = frames.next(4, true)) all.push(frame);
  return all;
}

void test('a long message in parts is a sign of life with each, and how much has arrived is told', async () => {
  const [messages, heard]: [Message[], [bigint, number][]] = [[], []];
  const peers = await listening(
    (message) => messages.push(message),
    {},
    (id, term) => heard.push([id, term]),
  );
  const socket = await calling(peers);
  const parser = await greetAsCaller(socket, secret, hello);
  let takenBytes = 0;
  const told = new EventEmitter();
  socket.on('data', (chunk: Buffer) => {
    parser.push(chunk);
    for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
      takenBytes = decodeTaken(payload) ?? assert.fail('only that is said');
      told.emit('taken');
    }
  });
  const frames = framesOf(proposal(5.5 * partSizeBytes));
  let sentBytes = 0;
  for (const frame of frames) {
    assert.deepEqual(messages, []);
    socket.write(frame);
    sentBytes += frame.length;
    // The rest is told with what comes behind it.
    while (takenBytes <= sentBytes - partSizeBytes) await once(told, 'taken');
  }
  while (messages.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(messages, [proposal(5.5 * partSizeBytes)]);
  assert.deepEqual(heard, Array(6).fill([2n, 300]));
  assert.equal(peers.held.frameSizeBytes, 0);
  socket.destroy();
  await peers.close();
});

void test('a heartbeat waits for a window of entries, not for all of them, and what is taken makes room', async () => {
  const heard: [bigint, number][] = [];
  const peers = await listening(
    () => {},
    {},
    (id, term) => heard.push([id, term]),
  );
  const callee = createServer().listen(0, '127.0.0.1');
  await once(callee, 'listening');
  const { port } = callee.address() as AddressInfo;
  const heartbeat = { type: 'heartbeat', from: 1n, to: 2n, term: 3, commit: 0, readRound: 0 } as const;
  const long = (): Message => ({ ...proposal(8 * 1024 * 1024), from: 1n, to: 2n });
  peers.setMembers(new Map([[2n, `127.0.0.1:${port}`]]));
  const [socket] = (await once(callee, 'connection')) as [Socket];
  const { parser } = await greetAsCallee(socket, secret);
  parser.payloadSizeBytesMax = frameSizeBytesMax;
  const assembler = new PartAssembler();
  const said: Message['type'][] = [];
  let arrivedBytes = 0;
  const arrived = new EventEmitter();
  socket.on('data', (chunk: Buffer) => {
    arrivedBytes += chunk.length;
    parser.push(chunk);
    for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
      const reader = new ByteReader((isPart(payload) ? assembler.take(payload) : payload) ?? emptyBytes);
      while (reader.remaining > 0) said.push(readMessage(reader).type);
    }
    arrived.emit('more');
  });
  peers.send([long(), long()]);
  await once(arrived, 'more');
  peers.send([{ ...heartbeat, leaseReads: false }]);
  while (said.length === 0) await once(arrived, 'more');
  assert.deepEqual(said, ['heartbeat']);
  assert.ok(arrivedBytes <= 512 * 1024, `${arrivedBytes} bytes came before the heartbeat`);
  arrived.on('more', () => socket.write(encodeTaken(arrivedBytes)));
  socket.write(encodeTaken(arrivedBytes));
  while (said.length < 3) await once(arrived, 'more');
  assert.deepEqual(said, ['heartbeat', 'propose', 'propose']);
  assert.deepEqual(heard[0], [2n, 300]);
  await peers.close();
  callee.close();
});

void test('whoever breaks the row of parts, or speaks in it for another, is sent away', async () => {
  const messages: Message[] = [];
  const peers = await listening((message) => messages.push(message));
  const long = framesOf(proposal(3 * partSizeBytes));
  const forged = framesOf({ ...proposal(3 * partSizeBytes), from: 3n });
  for (const frames of [long.slice(1), [long[0]!, long[0]!], forged]) {
    const socket = await member(peers);
    socket.resume();
    for (const frame of frames) socket.write(frame);
    await closed(socket);
  }
  assert.deepEqual(messages, []);
  await peers.close();
});
