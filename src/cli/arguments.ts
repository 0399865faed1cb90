import type { Command } from './command.js';
import { UsageError } from './exit-codes.js';
import { notDecoded, notDecodedRule } from './flags.js';

/** How else what is no text can be given, by the name of the argument. */
const otherWays: Readonly<Record<string, string>> = {
  KEY: 'give the key on stdin, with -key-stdin',
  VALUE: 'give - as VALUE, and the value on stdin',
  FILE: 'give the file on stdin',
};

export function wrongArguments({ name, usage }: Pick<Command, 'name' | 'usage'>, count: number): UsageError {
  const wanted = usage === '' ? 'no arguments' : usage;
  const given = count === 1 ? '1 argument is' : `${count} arguments are`;
  return new UsageError(`${name} takes ${wanted}, but ${given} given`);
}

/** @throws UsageError that names the argument and the rule */
export function checkArguments(command: Command, args: readonly string[]): void {
  if (args.length < command.argumentsMin || args.length > command.argumentsMax) {
    throw wrongArguments(command, args.length);
  }
  // With -key-stdin the first one is left out.
  const names = command.usage
    .split(' ')
    .map((word) => word.replace(/^\[|\]$/g, ''))
    .slice(-args.length);
  for (const [at, argument] of args.entries()) {
    if (!argument.includes(notDecoded)) continue;
    const name = names[at]!;
    const otherWay = otherWays[name];
    throw new UsageError(`${name} ${notDecodedRule}${otherWay === undefined ? '' : `: ${otherWay}`}`);
  }
}
