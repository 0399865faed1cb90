import type { KeyValue, KvorumClient } from '../client/index.js';
import { wrongArguments } from './arguments.js';
import type { ClientAction, Invocation, Io } from './command.js';
import { CommandError, exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import { pairObject } from './pair-lines.js';
import { printable } from './printable.js';
import { readAll } from './read-stdin.js';

type Key = string | Uint8Array;

export const runGet: ClientAction = async (client, invocation) => {
  const { args, flags, io } = invocation;
  const prefix = flags.optional('prefix');
  const keysOnly = flags.boolean('keys-only');
  if (prefix !== undefined) {
    if (args.length > 0 || flags.boolean('key-stdin')) {
      throw new UsageError('get takes KEY or -prefix=TEXT, not both');
    }
    if (flags.boolean('raw')) throw new UsageError('flag -raw is for one value, -prefix for many keys');
    return printPairs(client, prefix, keysOnly, invocation);
  }
  const { key } = await keyOf('get', 'KEY', invocation);
  const serializable = flags.boolean('serializable');
  if (flags.boolean('json') || keysOnly) {
    const pair = await client.getPair(key, { serializable });
    if (pair === undefined) throw notFound(key);
    await io.stdout.write(pairText(pair, keysOnly, flags.boolean('json')));
    return exitCodes.ok;
  }
  const value = await client.getBytes(key, { serializable });
  if (value === undefined) throw notFound(key);
  const end = flags.boolean('raw') ? '' : '\n';
  await io.stdout.write(Buffer.concat([value, Buffer.from(end)]));
  return exitCodes.ok;
};

export const runList: ClientAction = (client, invocation) =>
  printPairs(client, invocation.args[0], invocation.flags.boolean('keys-only'), invocation);

export const runKeys: ClientAction = (client, invocation) =>
  printPairs(client, invocation.args[0], true, invocation);

async function printPairs(
  client: KvorumClient,
  prefix: string | undefined,
  keysOnly: boolean,
  { flags, io }: Invocation,
): Promise<ExitCode> {
  const serializable = flags.boolean('serializable');
  const which = prefix === undefined || prefix === '' ? {} : { prefix };
  for await (const { pairs } of client.listPages({ ...which, keysOnly, serializable })) {
    await io.stdout.write(pairs.map((pair) => pairText(pair, keysOnly, flags.boolean('json'))).join(''));
  }
  return exitCodes.ok;
}

function pairText(pair: KeyValue, keysOnly: boolean, asJson: boolean): string {
  const { key, value, createRevision, modRevision, version } = pair;
  if (asJson) {
    const object = { ...pairObject(key, keysOnly ? undefined : value), createRevision, modRevision, version };
    return `${JSON.stringify(object)}\n`;
  }
  return keysOnly ? `${printable(key)}\n` : `${printable(key)}\t${printable(value)}\n`;
}

export const runSet: ClientAction = async (client, invocation) => {
  const { args, flags, io } = invocation;
  if (flags.boolean('key-stdin') && args[0] === '-') {
    throw new UsageError('stdin gives the key or the value, not both: import takes pairs of any bytes');
  }
  const { key, rest } = await keyOf('set', 'KEY VALUE', invocation);
  const [given] = rest;
  const value = given === '-' ? await readAll(io, 'value') : given!;
  const expected = flags.optional('if-revision');
  const done =
    expected === undefined
      ? await client.set(key, value)
      : await client.compareAndSet(key, Number(expected), value);
  return told(key, done, invocation);
};

export const runDelete: ClientAction = async (client, invocation) => {
  const { key } = await keyOf('delete', 'KEY', invocation);
  const expected = invocation.flags.optional('if-revision');
  const done =
    expected === undefined ? await client.delete(key) : await client.compareAndDelete(key, Number(expected));
  return told(key, done, invocation);
};

/** The key, and the arguments behind it. */
async function keyOf(
  name: string,
  usage: string,
  { args, flags, io }: Invocation,
): Promise<{ readonly key: Key; readonly rest: readonly string[] }> {
  const fromStdin = flags.boolean('key-stdin');
  const wanted = usage.split(' ').slice(fromStdin ? 1 : 0);
  if (args.length !== wanted.length) throw wrongArguments({ name, usage: wanted.join(' ') }, args.length);
  if (!fromStdin) return { key: args[0]!, rest: args.slice(1) };
  return { key: await readAll(io, 'key'), rest: args };
}

interface Done {
  readonly revision: number;
  readonly succeeded?: boolean;
  readonly modRevision?: number;
}

async function told(key: Key, done: Done, { flags, io }: Invocation): Promise<ExitCode> {
  if (flags.boolean('json')) await io.stdout.write(`${JSON.stringify(done)}\n`);
  if (done.succeeded === false) {
    const expected = flags.number('if-revision');
    throw new CommandError(
      exitCodes.failed,
      `${unexpected(key, expected, done.modRevision!)}: nothing was changed`,
    );
  }
  if (!flags.boolean('json')) await ok(io);
  return exitCodes.ok;
}

function ok(io: Io): Promise<void> {
  return io.stdout.write('OK\n');
}

/** @param modRevision 0: there is no such key */
function unexpected(key: Key, expected: number, modRevision: number): string {
  if (modRevision === 0) return `there is no key ${shown(key)}`;
  const there = `key ${shown(key)} is at revision ${modRevision}`;
  return expected === 0 ? `${there}, though none was expected` : `${there}, not ${expected}`;
}

function notFound(key: Key): CommandError {
  return new CommandError(exitCodes.failed, `key ${shown(key)} not found`);
}

/** As it was typed. */
function shown(key: Key): string {
  return typeof key === 'string' ? key : printable(key);
}
