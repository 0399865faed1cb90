import { BatchRequest, RangeRequest } from '../../../src/generated/kvorum.js';
import { GetRequest, SetRequest } from '../../../src/generated/kvstore.js';
import { largeKey, stored, type Attack } from './attack.js';
import { windowBytesMax, type Attacker } from './attacker.js';
import { callFields, lastMessage } from './hostile-connection.js';

const settings = [['INITIAL_WINDOW_SIZE', windowBytesMax]] as const;
const greedy = { reading: 'thrown-away', settings } as const;

/** Says the preface on each and nothing more: more of them than a cluster under attack lets in. */
async function allConnections(attacker: Attacker): Promise<void> {
  await attacker.http2Held(2000, greedy, () => Promise.resolve());
}

/** All calls that may stream at a time; they end at one moment, with the process. */
async function allStreams(attacker: Attacker): Promise<void> {
  await attacker.http2Held(16, greedy, async (connection) => {
    const block = connection.block(callFields('/grpc.health.v1.Health/Watch'));
    await connection.open(4096, block, 0, lastMessage(Buffer.of()));
  });
}

/** `count` calls of a method at once on each connection, then the same again when they are through. */
function atOnce(
  path: string,
  message: Uint8Array,
  connections: number,
  count: number,
  ...fields: readonly string[]
): Attack['run'] {
  return (attacker) =>
    attacker.http2Again(connections, { ...greedy, reading: 'frames' }, async (connection) => {
      let ended = 0;
      let all = (): void => {};
      connection.openWindow();
      connection.onFrame = ({ type, flags }) => {
        if (type === 'RST_STREAM' || (type === 'HEADERS' && (flags & 1) !== 0)) ended++;
        if (ended === count) all();
      };
      while (!attacker.isOver && connection.isOpen) {
        ended = 0;
        const answered = new Promise<void>((resolve) => (all = resolve));
        const block = connection.block(callFields(path, ...fields));
        await connection.open(count, block, 0, lastMessage(message));
        await Promise.race([answered, connection.closed]);
      }
    });
}

const smallRange = RangeRequest.encode({
  ...{ start: Buffer.from('small/'), end: Buffer.from('small0'), limit: 0, revision: 0n },
  ...{ keysOnly: false, serializable: false },
}).finish();

const largeGet = GetRequest.encode({ key: largeKey(0) }).finish();
const put = SetRequest.encode({ key: 'hoard', value: 'x'.repeat(100) }).finish();

/** As many reads of large values as one frame holds. */
const largeBatch = BatchRequest.encode({
  operations: Array.from({ length: 500 }, (_, at) => ({
    kind: {
      $case: 'get' as const,
      value: { key: Buffer.from(largeKey(at % stored.largePairs)), serializable: false },
    },
  })),
}).finish();

export const shareAttacks: readonly Attack[] = [
  {
    name: 'all-connections',
    does: 'asks for 2,000 connections from one address, and stays',
    run: allConnections,
  },
  {
    name: 'all-streams',
    does: 'watches health 65,536 times from one address, and goes at once',
    seconds: 3,
    run: allStreams,
  },
  {
    name: 'all-calls',
    does: 'has 16,384 puts in the air from one address',
    seconds: 3,
    run: atOnce('/proto.KeyValueStore/Set', put, 4, 4096),
  },
  {
    name: 'pages-at-once',
    does: 'asks for 450 pages of a range at once',
    seconds: 3,
    run: atOnce('/kvorum.v1.Store/Range', smallRange, 1, 450),
  },
  {
    name: 'large-gets-at-once',
    does: 'asks 4,096 times at once for a value of 1 MiB',
    seconds: 4,
    run: atOnce('/proto.KeyValueStore/Get', largeGet, 1, 4096),
  },
  {
    name: 'large-batches',
    does: 'asks for 16 batches of 500 values of 1 MiB at once',
    seconds: 4,
    run: atOnce('/kvorum.v1.Store/Batch', largeBatch, 4, 4),
  },
  {
    name: 'short-deadlines',
    does: 'asks for batches of large values whose deadlines pass meanwhile',
    run: atOnce('/kvorum.v1.Store/Batch', largeBatch, 4, 4, 'grpc-timeout', '10m'),
  },
];
