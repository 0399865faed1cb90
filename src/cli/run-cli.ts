import { commands } from './commands.js';
import type { Command, Io } from './command.js';
import { exitCodeOf, exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import { firstArgument, FlagValues, parseFlags, type FlagSpec } from './flags.js';
import { commandHelp, overview } from './help.js';
import { OutputClosedError } from './output.js';
import { version } from '../version.js';

const helpFlags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'h', kind: 'boolean', summary: 'show this' },
];
const versionFlag: FlagSpec = { name: 'version', kind: 'boolean', summary: 'print the version' };

const helpCommand: Command = {
  name: 'help',
  usage: '[COMMAND]',
  summary: 'show all commands, or the flags and examples of one',
  flags: [],
  argumentsMin: 0,
  argumentsMax: 1,
  examples: ['help', 'help serve'],
  run: async ({ args: [name], io }) => {
    await io.stdout.write(name === undefined ? overview(io, allCommands) : commandHelp(io, find(name)));
    return exitCodes.ok;
  },
};

const versionCommand: Command = {
  name: 'version',
  usage: '',
  summary: 'print the version',
  flags: [],
  argumentsMin: 0,
  argumentsMax: 0,
  examples: ['version'],
  run: async ({ io }) => {
    await io.stdout.write(`${version}\n`);
    return exitCodes.ok;
  },
};

/** The command table. */
export const allCommands: readonly Command[] = [...commands, helpCommand, versionCommand];

/** Flags may stand before the command, as in the original: there it is not yet known whose they are. */
const anyFlag: readonly FlagSpec[] = [
  ...helpFlags,
  versionFlag,
  ...allCommands.flatMap((command) => command.flags),
];

/** Runs one command line. Never throws: what goes wrong is one line on stderr and the exit code. */
export async function runCli(words: readonly string[], io: Io): Promise<ExitCode> {
  let command: Command | undefined;
  try {
    const at = firstArgument(words, anyFlag);
    if (at < 0) return await runWithoutCommand(words, io);
    command = find(words[at]!);
    return await runCommand(command, [...words.slice(0, at), ...words.slice(at + 1)], io);
  } catch (error) {
    return await fail(error, command, io);
  }
}

function find(name: string): Command {
  const command = allCommands.find((each) => each.name === name);
  if (command === undefined) throw new UsageError(`unknown command ${JSON.stringify(name)}`);
  return command;
}

async function runWithoutCommand(words: readonly string[], io: Io): Promise<ExitCode> {
  const flags = new FlagValues(anyFlag, parseFlags(words, anyFlag).given);
  if (flags.boolean('version')) return versionCommand.run({ args: [], flags, io });
  if (flags.boolean('help') || flags.boolean('h')) return helpCommand.run({ args: [], flags, io });
  await io.stderr.write(overview(io, allCommands));
  return exitCodes.usage;
}

async function runCommand(command: Command, words: readonly string[], io: Io): Promise<ExitCode> {
  const { given, args } = parseFlags(words, [...command.flags, ...helpFlags]);
  const flags = new FlagValues(command.flags, given);
  if (flags.boolean('help') || flags.boolean('h')) {
    await io.stdout.write(commandHelp(io, command));
    return exitCodes.ok;
  }
  if (args.length < command.argumentsMin || args.length > command.argumentsMax) {
    const wanted = command.usage === '' ? 'no arguments' : command.usage;
    const count = args.length === 1 ? '1 argument is' : `${args.length} arguments are`;
    throw new UsageError(`${command.name} takes ${wanted}, but ${count} given`);
  }
  return command.run({ args, flags, io });
}

async function fail(error: unknown, command: Command | undefined, io: Io): Promise<ExitCode> {
  // Whoever read the answer has seen enough of it (`| head`).
  if (error instanceof OutputClosedError) return exitCodes.ok;
  const code = exitCodeOf(error);
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  const helped = command === undefined ? 'help' : `help ${command.name}`;
  const hint = error instanceof UsageError ? ` (see ${io.program} ${helped})` : '';
  const trace = code === exitCodes.failed && io.env['KVORUM_DEBUG'] !== undefined && error instanceof Error;
  const stack = trace ? `${error.stack ?? ''}\n` : '';
  await io.stderr.write(`${message.replaceAll('\n', ' ')}${hint}\n${stack}`);
  return code;
}
