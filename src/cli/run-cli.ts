import { version } from '../version.js';
import { checkArguments } from './arguments.js';
import type { Command, Io } from './command.js';
import { commands } from './command-table.js';
import { exitCodeOf, exitCodes, UnknownNameError, UsageError, type ExitCode } from './exit-codes.js';
import { wantOfFiles } from './few-files.js';
import { addEnvironment, firstArgument, FlagValues, parseFlags, type FlagSpec } from './flags.js';
import { messageTimeoutMs, OutputClosedError } from './output.js';

/** Every command has these. */
const commonFlags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'h', kind: 'boolean', summary: 'show this' },
  { name: 'version', kind: 'boolean', summary: 'print the version' },
  { name: 'v', kind: 'boolean', summary: 'print the version' },
];

const helpCommand: Command = {
  name: 'help',
  usage: '[COMMAND]',
  summary: 'show all commands, or the flags and examples of one',
  flags: [],
  argumentsMin: 0,
  argumentsMax: 1,
  examples: ['help', 'help serve'],
  run: async ({ args: [name], io }) => {
    const { commandHelp, overview } = await import('./help.js');
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
  run: ({ io }) => printVersion(io),
};

const completionCommand: Command = {
  name: 'completion',
  usage: 'SHELL',
  summary: 'print what makes a shell complete commands and flags: bash, zsh or fish',
  flags: [],
  argumentsMin: 1,
  argumentsMax: 1,
  examples: ['completion bash > /etc/bash_completion.d/kvorum', 'completion fish'],
  run: async ({ args: [shell], io }) => {
    const { completionOf } = await import('./completion.js');
    await io.stdout.write(completionOf(shell!, allCommands, io.program));
    return exitCodes.ok;
  },
};

async function printVersion(io: Io): Promise<ExitCode> {
  await io.stdout.write(`${version}\n`);
  return exitCodes.ok;
}

/** The command table. */
export const allCommands: readonly Command[] = [...commands, completionCommand, helpCommand, versionCommand];

/** Flags may stand before the command, as in the original: there it is not yet known whose they are. */
const anyFlag: readonly FlagSpec[] = [...commonFlags, ...allCommands.flatMap((command) => command.flags)];

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
  const command = allCommands.find((each) => each.name === name || each.aliases?.includes(name) === true);
  if (command !== undefined) return command;
  const known = allCommands.flatMap((each) => [each.name, ...(each.aliases ?? [])]);
  throw new UnknownNameError(`unknown command ${JSON.stringify(name)}`, name, known);
}

async function runWithoutCommand(words: readonly string[], io: Io): Promise<ExitCode> {
  const flags = new FlagValues(anyFlag, parseFlags(words, anyFlag).given);
  if (wantsVersion(flags)) return printVersion(io);
  const { overview } = await import('./help.js');
  if (wantsHelp(flags)) {
    await io.stdout.write(overview(io, allCommands));
    return exitCodes.ok;
  }
  await io.stderr.write(overview(io, allCommands));
  return exitCodes.usage;
}

async function runCommand(command: Command, words: readonly string[], io: Io): Promise<ExitCode> {
  const { given, args } = parseFlags(words, [...command.flags, ...commonFlags]);
  const asked = new FlagValues(commonFlags, given);
  if (wantsVersion(asked)) return printVersion(io);
  if (wantsHelp(asked)) {
    const { commandHelp } = await import('./help.js');
    await io.stdout.write(commandHelp(io, command));
    return exitCodes.ok;
  }
  addEnvironment(given, command.flags, io.env);
  checkArguments(command, args);
  return command.run({ args, flags: new FlagValues(command.flags, given), io });
}

function wantsVersion(flags: FlagValues): boolean {
  return flags.boolean('version') || flags.boolean('v');
}

function wantsHelp(flags: FlagValues): boolean {
  return flags.boolean('help') || flags.boolean('h');
}

async function fail(error: unknown, command: Command | undefined, io: Io): Promise<ExitCode> {
  // Whoever read the answer has seen enough of it (`| head`).
  if (error instanceof OutputClosedError) return exitCodes.ok;
  const code = exitCodeOf(error);
  const message = wantOfFiles(error) ?? messageOf(error);
  const helped = command === undefined ? 'help' : `help ${command.name}`;
  const meant = error instanceof UnknownNameError ? await suggestion(error, command) : '';
  const hint = error instanceof UsageError ? ` (see ${io.program} ${helped})` : '';
  const trace = code === exitCodes.failed && io.env['KVORUM_DEBUG'] !== undefined && error instanceof Error;
  const stack = trace ? `${error.stack ?? ''}\n` : '';
  await untilTold(io.stderr.write(`${message.replaceAll('\n', ' ')}${meant}${hint}\n${stack}`));
  return code;
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

async function suggestion(
  { written, known }: UnknownNameError,
  command: Command | undefined,
): Promise<string> {
  const { asArgument, likeliest } = await import('./suggestion.js');
  const argument = command === undefined ? undefined : asArgument(written, command);
  const meant = argument ?? likeliest(written, known);
  return meant === undefined ? '' : `: did you mean ${meant}?`;
}

/** Nobody need read it, and then the command must end all the same. */
async function untilTold(written: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, messageTimeoutMs)));
  await Promise.race([written, late]);
  clearTimeout(timer);
}
