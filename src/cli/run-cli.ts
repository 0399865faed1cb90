import { version } from '../version.js';
import { clientFlags } from './client-command.js';
import type { Command, Io } from './command.js';
import { commands } from './commands.js';
import { exitCodeOf, exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import { FlagValues, parseFlags, type FlagSpec } from './flags.js';
import { commandHelp, overview } from './help.js';

const helpFlags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'h', kind: 'boolean', summary: 'show this' },
];

/** Runs one command line. Never throws: what goes wrong is one line on stderr and the exit code. */
export async function runCli(words: readonly string[], io: Io): Promise<ExitCode> {
  let command: Command | undefined;
  try {
    // Flags of the client may stand before the command, as in the original.
    const early = parseFlags(words, [...clientFlags, ...helpFlags], true);
    const [name, ...rest] = early.args;
    if (name === undefined || name === 'help') {
      return await showHelp(rest[0], name !== undefined || early.given.size > 0, io);
    }
    if (name === 'version') {
      await io.stdout.write(`${version}\n`);
      return exitCodes.ok;
    }
    command = find(name);
    return await runCommand(command, early.given, rest, io);
  } catch (error) {
    return await fail(error, command, io);
  }
}

function find(name: string): Command {
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new UsageError(`unknown command ${JSON.stringify(name)}`);
  return command;
}

async function showHelp(name: string | undefined, asked: boolean, io: Io): Promise<ExitCode> {
  const text = name === undefined ? overview(io.program, commands) : commandHelp(io.program, find(name));
  await (asked ? io.stdout : io.stderr).write(text);
  return asked ? exitCodes.ok : exitCodes.usage;
}

async function runCommand(
  command: Command,
  early: ReadonlyMap<string, string>,
  words: readonly string[],
  io: Io,
): Promise<ExitCode> {
  const misplaced = [...early.keys()].find(
    (name) => ![...command.flags, ...helpFlags].some((spec) => spec.name === name),
  );
  if (misplaced !== undefined) throw new UsageError(`flag -${misplaced} does not belong to ${command.name}`);
  const { given, args } = parseFlags(words, [...command.flags, ...helpFlags]);
  for (const [name, value] of early) {
    if (given.has(name)) throw new UsageError(`flag -${name} is given twice`);
    given.set(name, value);
  }
  if (given.get('help') === 'true' || given.get('h') === 'true') {
    await io.stdout.write(commandHelp(io.program, command));
    return exitCodes.ok;
  }
  if (args.length < command.argumentsMin || args.length > command.argumentsMax) {
    const wanted = command.usage === '' ? 'no arguments' : command.usage;
    throw new UsageError(`${command.name} takes ${wanted}, ${args.length} arguments are given`);
  }
  return command.run({ args, flags: new FlagValues(command.flags, given), io });
}

async function fail(error: unknown, command: Command | undefined, io: Io): Promise<ExitCode> {
  const message = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof UsageError
      ? ` (see ${io.program} help${command === undefined ? '' : ` ${command.name}`})`
      : '';
  await io.stderr.write(`${message.replaceAll('\n', ' ')}${hint}\n`);
  if (
    exitCodeOf(error) === exitCodes.failed &&
    io.env['KVORUM_DEBUG'] !== undefined &&
    error instanceof Error
  ) {
    await io.stderr.write(`${error.stack ?? ''}\n`);
  }
  return exitCodeOf(error);
}
