import { basename } from 'node:path';
import type { Command } from './command.js';
import { UsageError } from './exit-codes.js';
import type { FlagSpec } from './flags.js';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export const shells = Object.keys(scripts) as readonly (keyof typeof scripts)[];

/**
 * A script that makes a shell complete commands, flags, their values and files.
 *
 * @param program how this one is called: completed too, where it is one word
 * @throws UsageError for a shell that is not known
 */
export function completionOf(shell: string, commands: readonly Command[], program = 'kvorum'): string {
  if (isShell(shell)) return scripts[shell](commands, calledNames(program));
  throw new UsageError(`SHELL must be one of ${shells.join(', ')}, not ${JSON.stringify(shell)}`);
}

/** What is completed. Bash and fish look a path up as it is typed, zsh by its last part. */
function calledNames(program: string): readonly string[] {
  // No shell makes anything of these letters.
  if (!/^[\w./][\w./+-]*$/.test(program)) return ['kvorum'];
  return [...new Set(['kvorum', basename(program), program])];
}

function isShell(shell: string): shell is keyof typeof scripts {
  return Object.hasOwn(scripts, shell);
}

/** What there is to choose from as the first argument of a command; undefined: files, or nothing that is known. */
function choicesOf({ name }: Command, commands: readonly Command[]): readonly string[] | undefined {
  if (name === 'help') return commands.map((each) => each.name);
  return name === 'completion' ? shells : undefined;
}

/** Arguments and values of this name are files or folders. */
const paths: readonly (string | undefined)[] = ['FILE', 'FOLDER'];

function takesFile({ usage }: Command): boolean {
  return paths.some((path) => path !== undefined && usage.includes(path));
}

function namesOf({ name, aliases = [] }: Command): readonly string[] {
  return [name, ...aliases];
}

function flagsOf(command: Command): readonly FlagSpec[] {
  return [...command.flags, { name: 'help', kind: 'boolean', summary: 'show its flags and examples' }];
}

/** The flags of all commands, each name once. */
function distinctFlags(commands: readonly Command[]): readonly FlagSpec[] {
  const byName = new Map(commands.flatMap(flagsOf).map((flag) => [flag.name, flag]));
  return [...byName.values()];
}

const dashed = (flags: readonly FlagSpec[]): string => flags.map(({ name }) => `-${name}`).join(' ');
const spellings = (flags: readonly FlagSpec[]): string =>
  flags.map(({ name }) => `-${name}|--${name}`).join('|');

/** How a shell is told of what may come next: one of some words, or a file. */
interface Offers {
  readonly words: (words: readonly string[]) => string;
  readonly files: string;
}

const caseLine = (pattern: string, offer: string): string => `      ${pattern}) ${offer} ;;`;

/** The cases of a `case` over flags that take a value, as bash and zsh have it. */
function valueCases(valued: readonly FlagSpec[], { words, files }: Offers): readonly string[] {
  return valued.flatMap((flag) => {
    if (flag.choices !== undefined) return [caseLine(spellings([flag]), words(flag.choices))];
    return paths.includes(flag.value) ? [caseLine(spellings([flag]), files)] : [];
  });
}

const patternOf = (command: Command): string => namesOf(command).join('|');

/** The same over commands, for their arguments. */
function argumentCases(commands: readonly Command[], { words, files }: Offers): readonly string[] {
  return commands.flatMap((each) => {
    const choices = choicesOf(each, commands);
    if (choices !== undefined) return [caseLine(patternOf(each), words(choices))];
    return takesFile(each) ? [caseLine(patternOf(each), files)] : [];
  });
}

const bashOffers: Offers = { words: (words) => `words='${words.join(' ')}'`, files: 'files=1' };
const zshOffers: Offers = { words: (words) => `compadd -- ${words.join(' ')}`, files: '_files' };

function bashScript(commands: readonly Command[], called: readonly string[]): string {
  const all = distinctFlags(commands);
  const valued = all.filter(({ kind }) => kind !== 'boolean');
  const values = valueCases(valued, bashOffers);
  const flags = commands.map((each) => caseLine(patternOf(each), `words='${dashed(flagsOf(each))}'`));
  const args = argumentCases(commands, bashOffers);
  return `# bash completion of kvorum: eval "$(kvorum completion bash)"
_kvorum() {
  local at word command='' flag='' words='' files='' current=\${COMP_WORDS[COMP_CWORD]}
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    # Bash cuts -flag=value into three words.
    [[ $word == = ]] && continue
    # And HOST:PORT.
    if [[ $word == : ]]; then ((at++)); continue; fi
    if [[ -n $flag ]]; then flag=''; continue; fi
    case $word in
      ${spellings(valued)}) flag=$word ;;
      -*) ;;
      *) [[ -z $command ]] && command=$word ;;
    esac
  done
  [[ $current == = ]] && current=''
  if [[ -n $flag ]]; then
    case $flag in
${values.join('\n')}
    esac
  elif [[ $current == -* ]]; then
    case $command in
      '') words='${dashed(all)}' ;;
${flags.join('\n')}
    esac
    words=" $words"
    [[ $current == --* ]] && words=\${words// -/ --}
  elif [[ -z $command ]]; then
    words='${commands.flatMap(namesOf).join(' ')}'
  else
    case $command in
${args.join('\n')}
    esac
  fi
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _kvorum ${called.join(' ')}
`;
}

/** Within single quotes of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function zshScript(commands: readonly Command[], called: readonly string[]): string {
  const described = (name: string, summary: string): string =>
    quoted(`${name.replaceAll(':', '\\:')}:${summary}`);
  const names = commands.flatMap((each) => namesOf(each).map((name) => described(name, each.summary)));
  const flagLines = (flags: readonly FlagSpec[]): string =>
    flags.map(({ name, summary }) => described(`-${name}`, summary)).join(' ');
  const all = distinctFlags(commands);
  const valued = all.filter(({ kind }) => kind !== 'boolean');
  const values = valueCases(valued, zshOffers);
  const flags = commands.map((each) => caseLine(patternOf(each), `flags=(${flagLines(flagsOf(each))})`));
  const args = argumentCases(commands, zshOffers);
  const completed = called.filter((each) => !each.includes('/')).join(' ');
  return `#compdef ${completed}
# zsh completion of kvorum: source <(kvorum completion zsh), or as a file _kvorum on the fpath
_kvorum() {
  local at word command='' flag='' current=$words[CURRENT]
  local -a names flags
  for ((at = 2; at < CURRENT; at++)); do
    word=$words[at]
    if [[ -n $flag ]]; then flag=''; continue; fi
    case $word in
      ${spellings(valued)}) flag=$word ;;
      -*) ;;
      *) [[ -z $command ]] && command=$word ;;
    esac
  done
  if [[ $current == -*=* ]]; then
    flag=\${current%%=*}
    compset -P '*='
  fi
  if [[ -n $flag ]]; then
    case $flag in
${values.join('\n')}
    esac
  elif [[ $current == -* ]]; then
    case $command in
      '') flags=(${flagLines(all)}) ;;
${flags.join('\n')}
    esac
    [[ $current == --* ]] && flags=(-\${^flags})
    _describe flag flags
  elif [[ -z $command ]]; then
    names=(${names.join(' ')})
    _describe command names
  else
    case $command in
${args.join('\n')}
    esac
  fi
}
if [[ \${funcstack[1]} == _kvorum ]]; then _kvorum "$@"; else compdef _kvorum ${completed}; fi
`;
}

function fishScript(commands: readonly Command[], called: readonly string[]): string {
  const lines = commands.flatMap((command) => {
    const own = namesOf(command).map(
      (name) => `complete -c kvorum -n 'not __kvorum_command' -a ${name} -d ${quoted(command.summary)}`,
    );
    const seen = `complete -c kvorum -n '__kvorum_command ${namesOf(command).join(' ')}'`;
    const choices = choicesOf(command, commands);
    const taken = choices !== undefined ? [`${seen} -a ${quoted(choices.join(' '))}`] : [];
    if (takesFile(command)) taken.push(`${seen} -F`);
    return [...own, ...taken, ...flagsOf(command).map((flag) => `${seen} ${fishFlag(flag)}`)];
  });
  const before = distinctFlags(commands).map(
    (flag) => `complete -c kvorum -n 'not __kvorum_command' ${fishFlag(flag)}`,
  );
  // Unlike flags, wrapping goes by the word as it is typed.
  const wraps = called.filter((each) => each !== 'kvorum');
  return `# fish completion of kvorum: kvorum completion fish > ~/.config/fish/completions/kvorum.fish
function __kvorum_command -d 'Whether a command has been typed: any, or one of these'
  for word in (commandline -opc)[2..-1]
    if contains -- $word ${commands.flatMap(namesOf).join(' ')}
      test (count $argv) -eq 0; or contains -- $word $argv
      return
    end
  end
  return 1
end
complete -c kvorum -f
${[...lines, ...before, ...wraps.map((each) => `complete -c ${each} -w kvorum`)].join('\n')}
`;
}

/** Spelt with one dash and with two. */
function fishFlag({ name, kind, value, choices, summary }: FlagSpec): string {
  const both = name.length === 1 ? `-s ${name}` : `-o ${name} -l ${name}`;
  if (kind === 'boolean') return `${both} -d ${quoted(summary)}`;
  const files = paths.includes(value) ? ' -F' : '';
  const listed = choices === undefined ? '' : ` -a ${quoted(choices.join(' '))}`;
  return `${both} -r${files === '' ? ' -f' : files}${listed} -d ${quoted(summary)}`;
}
