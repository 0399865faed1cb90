import { assert } from '../../base/assert.js';
import type { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import { readFlags, skipBytes, type CommandCodec, type CommandForm } from '../command-form.js';
import type { KeyCommand } from './key-commands.js';

type Put = Extract<KeyCommand, { type: 'put' }>;
type DeleteRange = Extract<KeyCommand, { type: 'delete-range' }>;
type Compact = Extract<KeyCommand, { type: 'compact' }>;

/** What the storage holds, and no API of ours goes beyond. */
const keySizeBytesMax = 64 * 1024;
const valueSizeBytesMax = 8 * 1024 * 1024;

/** A condition makes another form of it: who does not know conditions must not take it for a write without one. */
const numbers = { put: 1, deleteRange: 2, compact: 3, conditionalPut: 6, conditionalDelete: 7 } as const;
const flags = { previous: 1, lease: 2, end: 4 } as const;

function readPut(reader: ByteReader): Put {
  const set = readFlags(reader, flags.previous | flags.lease);
  const key = reader.bytes();
  const value = reader.bytes();
  const lease = (set & flags.lease) === 0 ? 0n : reader.uint64();
  return { type: 'put', key, value, lease, previous: (set & flags.previous) !== 0 };
}

function checkPut(reader: ByteReader): void {
  const set = readFlags(reader, flags.previous | flags.lease);
  skipBytes(reader, 1, keySizeBytesMax);
  skipBytes(reader, 0, valueSizeBytesMax);
  if ((set & flags.lease) !== 0) reader.skip(8);
}

const put: CommandForm<Put> = { name: 'put', number: numbers.put, read: readPut, check: checkPut };

const conditionalPut: CommandForm<Put> = {
  name: 'conditionalPut',
  number: numbers.conditionalPut,
  read: (reader) => ({ ...readPut(reader), expectedModRevision: reader.varint() }),
  check: (reader) => {
    checkPut(reader);
    reader.varint();
  },
};

function writePut(writer: ByteWriter, command: Put): void {
  const expected = command.expectedModRevision;
  writer.uint8(expected === undefined ? numbers.put : numbers.conditionalPut);
  writer.uint8((command.previous ? flags.previous : 0) | (command.lease === 0n ? 0 : flags.lease));
  writer.bytes(command.key).bytes(command.value);
  if (command.lease !== 0n) writer.uint64(command.lease);
  if (expected !== undefined) writer.varint(expected);
}

const deleteRange: CommandForm<DeleteRange> = {
  name: 'deleteRange',
  number: numbers.deleteRange,
  read: (reader) => {
    const set = readFlags(reader, flags.previous | flags.end);
    const key = reader.bytes();
    const end = (set & flags.end) === 0 ? undefined : reader.bytes();
    return { type: 'delete-range', key, end, previous: (set & flags.previous) !== 0 };
  },
  check: (reader) => {
    const set = readFlags(reader, flags.previous | flags.end);
    skipBytes(reader, 1, keySizeBytesMax);
    if ((set & flags.end) !== 0) skipBytes(reader, 1, keySizeBytesMax);
  },
};

const conditionalDelete: CommandForm<DeleteRange> = {
  name: 'conditionalDelete',
  number: numbers.conditionalDelete,
  read: (reader) => {
    const previous = readFlags(reader, flags.previous) !== 0;
    const key = reader.bytes();
    return { type: 'delete-range', key, end: undefined, previous, expectedModRevision: reader.varint() };
  },
  check: (reader) => {
    readFlags(reader, flags.previous);
    skipBytes(reader, 1, keySizeBytesMax);
    reader.varint();
  },
};

function writeDelete(writer: ByteWriter, command: DeleteRange): void {
  const { end, expectedModRevision: expected } = command;
  assert(expected === undefined || end === undefined, 'a condition is on one key');
  writer.uint8(expected === undefined ? numbers.deleteRange : numbers.conditionalDelete);
  writer.uint8((command.previous ? flags.previous : 0) | (end === undefined ? 0 : flags.end));
  writer.bytes(command.key);
  if (end !== undefined) writer.bytes(end);
  if (expected !== undefined) writer.varint(expected);
}

const compact: CommandForm<Compact> = {
  name: 'compact',
  number: numbers.compact,
  read: (reader) => ({ type: 'compact', revision: reader.varint() }),
  check: (reader) => void reader.varint(),
};

/** A number, flags, and lengths of up to three bytes. */
const fixedSizeBytes = 8;

function conditionSizeBytes({ expectedModRevision: expected }: Put | DeleteRange): number {
  return expected === undefined ? 0 : 8;
}

export const keyCommandCodecs: {
  readonly [T in KeyCommand['type']]: CommandCodec<Extract<KeyCommand, { type: T }>>;
} = {
  put: {
    level: 1,
    forms: [put, conditionalPut],
    write: writePut,
    sizeBytes: (command) =>
      fixedSizeBytes +
      command.key.length +
      command.value.length +
      (command.lease === 0n ? 0 : 8) +
      conditionSizeBytes(command),
  },
  'delete-range': {
    level: 1,
    forms: [deleteRange, conditionalDelete],
    write: writeDelete,
    sizeBytes: (command) =>
      fixedSizeBytes + command.key.length + (command.end?.length ?? 0) + conditionSizeBytes(command),
  },
  compact: {
    level: 1,
    forms: [compact],
    write: (writer, { revision }) => void writer.uint8(numbers.compact).varint(revision),
    sizeBytes: () => fixedSizeBytes + 8,
  },
};
