import { gzipSync } from 'node:zlib';
import { END_STREAM, frame, grpcMessage, uint32 } from '../../../src/grpc/testing/frames.js';
import { BatchRequest, RangeRequest } from '../../../src/generated/kvorum.js';
import { GetRequest, SetRequest } from '../../../src/generated/kvstore.js';
import { smallKey, type Attack } from './attack.js';
import { windowBytesMax, type Attacker } from './attacker.js';
import { callFields, lastMessage } from './hostile-connection.js';

const mebibyte = 1024 * 1024;
const setPath = '/proto.KeyValueStore/Set';
const getPath = '/proto.KeyValueStore/Get';
const rangePath = '/kvorum.v1.Store/Range';

/** What a member keeps of messages, `memoryBytesMax`, with the half that may be missed in counting it. */
const hoardGrowthBytesMax = 1.5 * 512 * mebibyte;

/** A whole request of the largest size, whose stream is not ended: nobody knows whether more is to come. */
async function wholeNotEnded(attacker: Attacker): Promise<void> {
  const value = 'x'.repeat(4 * mebibyte - 64);
  const message = grpcMessage(SetRequest.encode({ key: 'hoard', value }).finish());
  await attacker.http2Held(10, { reading: 'frames' }, async (connection) => {
    const block = connection.block(callFields(setPath));
    for (let count = 0; count < 60 && connection.isOpen; count++) {
      const id = connection.nextId();
      await connection.send(frame('HEADERS', 0x4, id, block));
      await connection.sendData(id, message, false);
    }
  });
}

async function headersOnly(attacker: Attacker): Promise<void> {
  await attacker.http2Held(100, { reading: 'thrown-away' }, async (connection) => {
    await connection.open(4096, connection.block(callFields(setPath)), 0);
  });
}

/** Some KiB each, which unpack to a batch of the largest size: as many reads as there may be, of long keys. */
const longKey = Buffer.alloc(1000, 'k');
const packed = grpcMessage(
  gzipSync(
    BatchRequest.encode({
      operations: Array.from({ length: 4096 }, () => ({
        kind: { $case: 'get' as const, value: { key: longKey, serializable: false } },
      })),
    }).finish(),
  ),
  1,
);

async function packedMessages(attacker: Attacker): Promise<void> {
  await attacker.http2Held(100, { reading: 'nothing' }, async (connection) => {
    const block = connection.block(callFields('/kvorum.v1.Store/Batch', 'grpc-encoding', 'gzip'));
    // As many as the window of a connection lets through before anything is read.
    const count = Math.floor(65_535 / packed.length);
    await connection.open(count, block, 0, (id) => frame('DATA', END_STREAM, id, packed));
  });
}

/** Small answers, and no window to send them through. */
async function unreadAnswers(attacker: Attacker): Promise<void> {
  const get = lastMessage(GetRequest.encode({ key: smallKey(0) }).finish());
  const settings = [['INITIAL_WINDOW_SIZE', 0]] as const;
  await attacker.http2Held(50, { reading: 'thrown-away', settings }, async (connection) => {
    await connection.open(4000, connection.block(callFields(getPath)), 0, get);
  });
}

/** A prefix that promises the largest message, and one byte of it, on very many streams. */
async function sixByteMessages(attacker: Attacker): Promise<void> {
  const begun = Buffer.concat([Buffer.of(0), uint32(4 * mebibyte - 64), Buffer.of(0x0a)]);
  await attacker.http2Held(16, { reading: 'thrown-away' }, async (connection) => {
    const block = connection.block(callFields(setPath));
    await connection.open(4096, block, 0, (id) => frame('DATA', 0, id, begun));
  });
}

/** Through the largest windows there are, so that what holds an answer back is the socket alone. */
async function unreadRanges(attacker: Attacker): Promise<void> {
  const range = RangeRequest.encode({
    ...{ start: Buffer.from('large/'), end: Buffer.from('large0'), limit: 0, revision: 0n },
    ...{ keysOnly: false, serializable: false },
  }).finish();
  const settings = [['INITIAL_WINDOW_SIZE', windowBytesMax]] as const;
  await attacker.http2Held(50, { reading: 'nothing', settings }, async (connection) => {
    connection.openWindow();
    await connection.open(20, connection.block(callFields(rangePath)), 0, lastMessage(range));
  });
}

/** The same for what HTTP/1.1 and pages over HTTP/2 answer. */
async function unreadPages(attacker: Attacker): Promise<void> {
  const fields = [':method', 'GET', ':scheme', 'http', ':path', '/metrics', ':authority', 'kvorum'];
  await attacker.http2Held(20, { reading: 'nothing' }, async (connection) => {
    await connection.open(1000, connection.block(fields), END_STREAM);
  });
}

/** What a connection remembers of refused calls while it lingers, and an answer that comes behind its end. */
async function lingering(attacker: Attacker): Promise<void> {
  const get = lastMessage(GetRequest.encode({ key: smallKey(0) }).finish());
  await attacker.http2Held(200, { reading: 'thrown-away' }, async (connection) => {
    await connection.open(8192, connection.block(callFields('/proto.KeyValueStore/Nothing')), 0);
    await connection.open(1, connection.block(callFields(getPath)), 0, get);
    // On a stream it must not be (RFC 9113, section 6.7).
    await connection.send(frame('PING', 0, 1, Buffer.alloc(8)));
  });
}

const bounds = { growthBytesMax: hoardGrowthBytesMax };

export const hoardAttacks: readonly Attack[] = [
  {
    name: 'whole-not-ended',
    does: 'sends whole requests of 4 MiB and does not end their streams',
    seconds: 5,
    bounds,
    run: wholeNotEnded,
  },
  {
    name: 'headers-only',
    does: 'opens 4096 streams on each of 100 connections and sends nothing on them',
    bounds,
    run: headersOnly,
  },
  {
    name: 'packed-messages',
    does: 'sends batches that unpack to 4 MiB',
    seconds: 3,
    bounds,
    run: packedMessages,
  },
  {
    name: 'unread-answers',
    does: 'asks 200,000 times and takes no answer',
    seconds: 5,
    bounds,
    run: unreadAnswers,
  },
  {
    name: 'six-byte-messages',
    does: 'begins large messages on 65,536 streams',
    bounds,
    besideUploads: true,
    run: sixByteMessages,
  },
  {
    name: 'unread-ranges',
    does: 'asks for 1000 pages of large values and reads none',
    seconds: 5,
    bounds,
    run: unreadRanges,
  },
  {
    name: 'lingering',
    does: 'ends its connections by a fault, behind thousands of refused calls and one that is answered',
    seconds: 5,
    bounds,
    run: lingering,
  },
  {
    name: 'unread-pages',
    does: 'asks for /metrics 20,000 times and reads no answer',
    bounds,
    run: unreadPages,
  },
];
