import { version } from '../version.js';
import type { Command } from './command.js';
import type { FlagSpec } from './flags.js';
import { textTable } from './text-table.js';

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** All commands. */
export function overview(program: string, commands: readonly Command[]): string {
  const rows = commands.map(({ name, usage, summary }) => [`${name} ${usage}`.trim(), summary]);
  const list = textTable(['', ''], rows).replace(/^\s*\n/, '');
  return `Kvorum ${version}: a strongly consistent, distributed key-value store

usage: ${program} COMMAND [ARGUMENTS] [-FLAG=VALUE ...]

${indented(list)}
${program} help COMMAND shows the flags and examples of one. -flag=x, --flag=x and --flag x are the same.
Exit status: 0 done, 1 failed or key not found, 2 wrong usage, 3 no server or no quorum, 4 outcome of a
write unknown, 5 this member was removed.
`;
}

function flagRow(flag: FlagSpec): string[] {
  const value = flag.kind === 'boolean' ? '' : `=${flag.value ?? 'VALUE'}`;
  const standard = flag.default === undefined || flag.kind === 'boolean' ? '' : ` (default ${flag.default})`;
  const choices =
    flag.choices === undefined || flag.value?.includes('|') === true ? '' : `: ${flag.choices.join(', ')}`;
  return [`-${flag.name}${value}`, `${flag.summary}${choices}${standard}`];
}

/** One command: usage, flags, examples. */
export function commandHelp(program: string, command: Command): string {
  const { name, usage, summary, flags, examples } = command;
  const list = textTable(['', ''], flags.map(flagRow)).replace(/^\s*\n/, '');
  return `${program} ${name}: ${summary}

usage: ${program} ${[name, usage, flags.length > 0 ? '[-FLAG=VALUE ...]' : ''].filter((part) => part !== '').join(' ')}
${flags.length > 0 ? `\n${indented(list)}` : ''}
examples:
${indented(examples.map((example) => `${program} ${example}\n`).join(''))}`;
}
