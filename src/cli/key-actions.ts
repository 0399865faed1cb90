import type { ClientAction, Invocation, Io } from './command.js';
import { CommandError, exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import { keyOf, shownKey, type Key } from './key-argument.js';
import { readAll } from './read-stdin.js';

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
  if (modRevision === 0) return `there is no key ${shownKey(key)}`;
  const there = `key ${shownKey(key)} is at revision ${modRevision}`;
  return expected === 0 ? `${there}, though none was expected` : `${there}, not ${expected}`;
}
