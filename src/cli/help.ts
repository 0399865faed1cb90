import { version } from '../version.js';
import type { Command, Io } from './command.js';
import type { FlagSpec } from './flags.js';
import { textTable } from './text-table.js';

/** How this program is called. */
type Names = Pick<Io, 'program' | 'server'>;

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** Columns without a header. */
function columns(rows: readonly (readonly string[])[]): string {
  return indented(textTable(['', ''], rows).replace(/^\n/, ''));
}

/** All commands. */
export function overview({ program }: Names, commands: readonly Command[]): string {
  const rows = commands.map(({ name, usage, summary }) => [`${name} ${usage}`.trim(), summary]);
  const others = commands.flatMap(({ name, aliases = [] }) => aliases.map((alias) => `${alias} is ${name}`));
  return `Kvorum ${version}: a strongly consistent, distributed key-value store

usage: ${program} COMMAND [ARGUMENTS] [-FLAG=VALUE ...]

${columns(rows)}
${others.join(', ')}. Each command shows its flags and examples with -help. -flag=x, --flag=x and
--flag x are the same; what follows a lone -- is no flag.
Exit status: 0 done, 1 failed or key not found, 2 wrong usage, 3 no server or no quorum, 4 outcome of a
write unknown, 5 this member was removed, 6 it needs another version, 7 a copy of it was started later.
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
export function commandHelp({ program, server }: Names, command: Command): string {
  const { name, aliases = [], usage, summary, flags, examples } = command;
  const called = name === 'serve' ? server : `${program} ${name}`;
  const typed = examples.map((example) => `${program} ${example}`.replace(`${program} ${name}`, called));
  const taken = [usage, flags.length > 0 ? '[-FLAG=VALUE ...]' : ''].filter((part) => part !== '');
  return `${called}: ${summary}

usage: ${[called, ...taken].join(' ')}
${aliases.length > 0 ? `also called: ${aliases.join(', ')}\n` : ''}${flags.length > 0 ? `\n${columns(flags.map(flagRow))}` : ''}
examples:
${indented(typed.map((line) => `${line}\n`).join(''))}`;
}
