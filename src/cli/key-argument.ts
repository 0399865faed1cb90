import { wrongArguments } from './arguments.js';
import type { Invocation } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { printable } from './printable.js';
import { readAll } from './read-stdin.js';

export type Key = string | Uint8Array;

/** The key, and the arguments behind it. */
export async function keyOf(
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

export function notFound(key: Key): CommandError {
  return new CommandError(exitCodes.failed, `key ${shownKey(key)} not found`);
}

/** As it was typed. */
export function shownKey(key: Key): string {
  return typeof key === 'string' ? key : printable(key);
}
