import { assert } from '../base/assert.js';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import type { Command, CommandBatch } from './command.js';
import type { CommandCodec, CommandForm } from './command-form.js';
import { keyCommandCodecs } from './keys/key-command-codec.js';
import { memberCommandCodecs } from './members/member-command-codec.js';

const batchFormatVersion = 1;

/** Commands in one entry. */
export const batchCommandsMax = 65_536;

/** Each type has its codec, or this does not compile. */
const codecs: { readonly [T in Command['type']]: CommandCodec<Extract<Command, { type: T }>> } = {
  ...keyCommandCodecs,
  ...memberCommandCodecs,
};

const formByNumber: (CommandForm<Command> | undefined)[] = [];
for (const { forms } of Object.values(codecs)) {
  for (const form of forms) {
    assert(formByNumber[form.number] === undefined, 'a number stands for one form of one command');
    formByNumber[form.number] = form;
  }
}

export const commandFormNames: readonly string[] = formByNumber.flatMap((form) => form?.name ?? []);

function codecOf<C extends Command>(command: C): CommandCodec<C> {
  return codecs[command.type] as unknown as CommandCodec<C>;
}

/** How it will stand in the log. */
export function commandForm(command: Command): CommandForm<Command> {
  return codecOf(command).formOf(command);
}

/** @throws MalformedBytesError */
function readForm(reader: ByteReader): CommandForm<Command> {
  const number = reader.uint8();
  const form = formByNumber[number];
  if (form === undefined) throw new MalformedBytesError(`unknown command type ${number}`);
  return form;
}

/** What a command takes in an entry, or some bytes more. */
export function commandSizeBytes(command: Command): number {
  return codecOf(command).sizeBytes(command);
}

/** Version, proposer, sequence, count, then the commands. */
export function encodeCommandBatch(batch: CommandBatch): Uint8Array {
  assert(batch.commands.length <= batchCommandsMax, 'an entry has a bounded number of commands');
  let sizeBytes = 32;
  for (const command of batch.commands) sizeBytes += commandSizeBytes(command);
  const writer = new ByteWriter(sizeBytes);
  writer
    .uint8(batchFormatVersion)
    .uint64(batch.proposer)
    .varint(batch.sequence)
    .varint(batch.commands.length);
  for (const command of batch.commands) codecOf(command).write(writer, command);
  return writer.finish();
}

interface BatchHead {
  readonly proposer: bigint;
  readonly sequence: number;
  readonly count: number;
}

function readHead(reader: ByteReader): BatchHead {
  const version = reader.uint8();
  if (version !== batchFormatVersion) {
    throw new MalformedBytesError(
      `command batch of version ${version}, this version of Kvorum reads ${batchFormatVersion}`,
    );
  }
  const proposer = reader.uint64();
  const sequence = reader.varint();
  const count = reader.varint();
  if (count > batchCommandsMax) throw new MalformedBytesError(`${count} commands in one batch`);
  return { proposer, sequence, count };
}

function checkEnd(reader: ByteReader): void {
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes behind a command batch`);
}

/**
 * Keys and values are views into `bytes`.
 * @throws MalformedBytesError
 */
export function decodeCommandBatch(bytes: Uint8Array): CommandBatch {
  const reader = new ByteReader(bytes);
  const { proposer, sequence, count } = readHead(reader);
  const commands: Command[] = [];
  for (let at = 0; at < count; at++) commands.push(readForm(reader).read(reader));
  checkEnd(reader);
  return { proposer, sequence, commands };
}

/**
 * Whether decodeCommandBatch would take it, and each command is within its limits. Makes next to no objects.
 * @param levelMax of a command that raises the feature level
 * @throws MalformedBytesError
 */
export function checkCommandBatch(bytes: Uint8Array, levelMax: FeatureLevel = Infinity): void {
  const reader = new ByteReader(bytes);
  const { count } = readHead(reader);
  for (let at = 0; at < count; at++) readForm(reader).check(reader, levelMax);
  checkEnd(reader);
}
