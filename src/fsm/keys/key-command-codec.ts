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

const put: CommandForm<Put> = {
  name: 'put',
  number: 1,
  level: 1,
  read: readPut,
  check: checkPut,
};

/** A form of its own: who does not know conditions must not take it for a write without one. */
const conditionalPut: CommandForm<Put> = {
  name: 'conditionalPut',
  number: 6,
  level: 1,
  read: (reader) => ({ ...readPut(reader), expectedModRevision: reader.varint() }),
  check: (reader) => {
    checkPut(reader);
    reader.varint();
  },
};

function putForm(command: Put): CommandForm<Put> {
  return command.expectedModRevision === undefined ? put : conditionalPut;
}

function writePut(writer: ByteWriter, command: Put): void {
  const expected = command.expectedModRevision;
  writer.uint8(putForm(command).number);
  writer.uint8((command.previous ? flags.previous : 0) | (command.lease === 0n ? 0 : flags.lease));
  writer.bytes(command.key).bytes(command.value);
  if (command.lease !== 0n) writer.uint64(command.lease);
  if (expected !== undefined) writer.varint(expected);
}

const deleteRange: CommandForm<DeleteRange> = {
  name: 'deleteRange',
  number: 2,
  level: 1,
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
  number: 7,
  level: 1,
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

function deleteForm(command: DeleteRange): CommandForm<DeleteRange> {
  return command.expectedModRevision === undefined ? deleteRange : conditionalDelete;
}

function writeDelete(writer: ByteWriter, command: DeleteRange): void {
  const { end, expectedModRevision: expected } = command;
  assert(expected === undefined || end === undefined, 'a condition is on one key');
  writer.uint8(deleteForm(command).number);
  writer.uint8((command.previous ? flags.previous : 0) | (end === undefined ? 0 : flags.end));
  writer.bytes(command.key);
  if (end !== undefined) writer.bytes(end);
  if (expected !== undefined) writer.varint(expected);
}

const compact: CommandForm<Compact> = {
  name: 'compact',
  number: 3,
  level: 1,
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
    forms: [put, conditionalPut],
    formOf: putForm,
    write: writePut,
    sizeBytes: (command) =>
      fixedSizeBytes +
      command.key.length +
      command.value.length +
      (command.lease === 0n ? 0 : 8) +
      conditionSizeBytes(command),
  },
  'delete-range': {
    forms: [deleteRange, conditionalDelete],
    formOf: deleteForm,
    write: writeDelete,
    sizeBytes: (command) =>
      fixedSizeBytes + command.key.length + (command.end?.length ?? 0) + conditionSizeBytes(command),
  },
  compact: {
    forms: [compact],
    formOf: () => compact,
    write: (writer, { revision }) => void writer.uint8(compact.number).varint(revision),
    sizeBytes: () => fixedSizeBytes + 8,
  },
};
