import { assert } from '../base/assert.js';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import type { Command, CommandBatch } from './command.js';
import { readLevels, writeLevels } from './members/membership-codec.js';

export const batchFormatVersion = 1;

/** Commands in one entry. */
export const batchCommandsMax = 1_000_000;

/** A condition makes another type of it: who does not know conditions must not take it for a write without one. */
export const commandTypes = {
  put: 1,
  deleteRange: 2,
  compact: 3,
  publish: 4,
  changeAddress: 5,
  conditionalPut: 6,
  conditionalDelete: 7,
  raiseLevel: 8,
} as const;
/** From which feature level on each may be proposed. Puts and deletes are of the first, and asked nothing. */
export const commandLevels = {
  put: 1,
  'delete-range': 1,
  compact: 1,
  publish: 1,
  'change-address': 1,
  'raise-level': 1,
} as const satisfies Record<Command['type'], FeatureLevel>;
export const commandFlags = { previous: 1, lease: 2, end: 4 } as const;

/** Version, proposer, sequence, count, then the commands. */
export function encodeCommandBatch(batch: CommandBatch): Uint8Array {
  let sizeBytes = 32;
  for (const command of batch.commands) sizeBytes += sizeBytesExpected(command);
  const writer = new ByteWriter(sizeBytes);
  writer
    .uint8(batchFormatVersion)
    .uint64(batch.proposer)
    .varint(batch.sequence)
    .varint(batch.commands.length);
  for (const command of batch.commands) writeCommand(writer, command);
  return writer.finish();
}

/** Of a command without lease or condition, with lengths of up to three bytes, no more than it takes. */
function sizeBytesExpected(command: Command): number {
  switch (command.type) {
    case 'put':
      return 6 + command.key.length + command.value.length;
    case 'delete-range':
      return 6 + command.key.length;
    default:
      return 64;
  }
}

function writeCommand(writer: ByteWriter, command: Command): void {
  switch (command.type) {
    case 'put':
      writePut(writer, command);
      return;
    case 'delete-range':
      writeDelete(writer, command);
      return;
    case 'compact':
      writer.uint8(commandTypes.compact).varint(command.revision);
      return;
    case 'publish':
      writer
        .uint8(commandTypes.publish)
        .uint64(command.id)
        .string(command.name)
        .string(command.clientAddress);
      writeLevels(writer, command.levels);
      return;
    case 'raise-level':
      writer.uint8(commandTypes.raiseLevel).varint(command.level);
      return;
    case 'change-address':
      writer.uint8(commandTypes.changeAddress).uint64(command.id).string(command.peerAddress);
      return;
  }
}

function writePut(writer: ByteWriter, command: Extract<Command, { type: 'put' }>): void {
  const expected = command.expectedModRevision;
  writer.uint8(expected === undefined ? commandTypes.put : commandTypes.conditionalPut);
  writer.uint8(
    (command.previous ? commandFlags.previous : 0) | (command.lease === 0n ? 0 : commandFlags.lease),
  );
  writer.bytes(command.key).bytes(command.value);
  if (command.lease !== 0n) writer.uint64(command.lease);
  if (expected !== undefined) writer.varint(expected);
}

function writeDelete(writer: ByteWriter, command: Extract<Command, { type: 'delete-range' }>): void {
  const { end, expectedModRevision: expected } = command;
  assert(expected === undefined || end === undefined, 'a condition is on one key');
  writer.uint8(expected === undefined ? commandTypes.deleteRange : commandTypes.conditionalDelete);
  writer.uint8((command.previous ? commandFlags.previous : 0) | (end === undefined ? 0 : commandFlags.end));
  writer.bytes(command.key);
  if (end !== undefined) writer.bytes(end);
  if (expected !== undefined) writer.varint(expected);
}

/**
 * Keys and values are views into `bytes`.
 * @throws MalformedBytesError
 */
export function decodeCommandBatch(bytes: Uint8Array): CommandBatch {
  const reader = new ByteReader(bytes);
  const version = reader.uint8();
  if (version !== batchFormatVersion) throw unknownBatchVersion(version);
  const proposer = reader.uint64();
  const sequence = reader.varint();
  const count = reader.varint();
  if (count > batchCommandsMax) throw new MalformedBytesError(`${count} commands in one batch`);
  const commands: Command[] = [];
  for (let at = 0; at < count; at++) commands.push(readCommand(reader));
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes behind a command batch`);
  return { proposer, sequence, commands };
}

export function unknownBatchVersion(version: number): MalformedBytesError {
  return new MalformedBytesError(
    `command batch of version ${version}, this version of Kvorum reads ${batchFormatVersion}`,
  );
}

function readCommand(reader: ByteReader): Command {
  const type = reader.uint8();
  switch (type) {
    case commandTypes.put:
    case commandTypes.conditionalPut: {
      const set = readFlags(reader, commandFlags.previous | commandFlags.lease);
      const key = reader.bytes();
      const value = reader.bytes();
      const lease = (set & commandFlags.lease) === 0 ? 0n : reader.uint64();
      const put: Command = { type: 'put', key, value, lease, previous: (set & commandFlags.previous) !== 0 };
      return type === commandTypes.put ? put : { ...put, expectedModRevision: reader.varint() };
    }
    case commandTypes.deleteRange: {
      const set = readFlags(reader, commandFlags.previous | commandFlags.end);
      const key = reader.bytes();
      const end = (set & commandFlags.end) === 0 ? undefined : reader.bytes();
      return { type: 'delete-range', key, end, previous: (set & commandFlags.previous) !== 0 };
    }
    case commandTypes.conditionalDelete: {
      const previous = readFlags(reader, commandFlags.previous) !== 0;
      const key = reader.bytes();
      return { type: 'delete-range', key, end: undefined, previous, expectedModRevision: reader.varint() };
    }
    case commandTypes.compact:
      return { type: 'compact', revision: reader.varint() };
    case commandTypes.publish:
      return {
        type: 'publish',
        id: reader.uint64(),
        name: reader.string(),
        clientAddress: reader.string(),
        levels: readLevels(reader),
      };
    case commandTypes.raiseLevel:
      return { type: 'raise-level', level: reader.varint() };
    case commandTypes.changeAddress:
      return { type: 'change-address', id: reader.uint64(), peerAddress: reader.string() };
    default:
      throw new MalformedBytesError(`unknown command type ${type}`);
  }
}

function readFlags(reader: ByteReader, known: number): number {
  const set = reader.uint8();
  if ((set & ~known) !== 0) throw new MalformedBytesError(`a command with flags ${set}`);
  return set;
}
