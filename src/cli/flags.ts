import { UsageError } from './exit-codes.js';

export interface FlagSpec {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'boolean';
  /** As it would be typed; undefined: not given. */
  readonly default?: string;
  /** What the value is, as shown in help: `HOST:PORT`. */
  readonly value?: string;
  readonly summary: string;
  readonly min?: number;
  readonly max?: number;
  /** The only values that are allowed. */
  readonly choices?: readonly string[];
}

/** Flags as given or by default. */
export class FlagValues {
  readonly #specs: readonly FlagSpec[];
  readonly #given: ReadonlyMap<string, string>;

  constructor(specs: readonly FlagSpec[], given: ReadonlyMap<string, string>) {
    this.#specs = specs;
    this.#given = given;
  }

  #raw(name: string): string | undefined {
    return this.#given.get(name) ?? this.#specs.find((spec) => spec.name === name)?.default;
  }

  /** The value, undefined if it was neither given nor has a default. */
  optional(name: string): string | undefined {
    return this.#raw(name);
  }

  text(name: string): string {
    return this.#raw(name) ?? '';
  }

  number(name: string): number {
    return Number(this.#raw(name) ?? '0');
  }

  boolean(name: string): boolean {
    return this.#raw(name) === 'true';
  }
}

export interface Parsed {
  readonly given: Map<string, string>;
  readonly args: string[];
}

/**
 * Reads flags in every spelling: `-id=x`, `--id=x`, `-id x`, `--id x`. A boolean takes no word after it. `--` ends
 * the flags; a lone `-` is an argument.
 *
 * @param stopAtArgument leave the first argument and all behind it untouched, in `args`
 * @throws UsageError that names the flag and the rule
 */
export function parseFlags(
  words: readonly string[],
  specs: readonly FlagSpec[],
  stopAtArgument = false,
): Parsed {
  const given = new Map<string, string>();
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--' && !stopAtArgument) return { given, args: [...args, ...words.slice(at + 1)] };
    if (word === '-' || !word.startsWith('-')) {
      if (stopAtArgument) return { given, args: words.slice(at) };
      args.push(word);
      continue;
    }
    const [, name, , attached] = /^--?([^=]*)(=([\s\S]*))?$/.exec(word) ?? [];
    const spec = specs.find((each) => each.name === name);
    if (spec === undefined) throw new UsageError(`unknown flag ${word.split('=')[0]!}`);
    let value = attached;
    if (value === undefined && spec.kind === 'boolean') value = 'true';
    if (value === undefined) {
      value = words[++at];
      if (value === undefined) throw new UsageError(`flag -${spec.name} needs a value`);
    }
    check(spec, value);
    if (given.has(spec.name)) throw new UsageError(`flag -${spec.name} is given twice`);
    given.set(spec.name, value);
  }
  return { given, args };
}

function check(spec: FlagSpec, value: string): void {
  if (spec.kind === 'boolean' && value !== 'true' && value !== 'false') {
    throw new UsageError(`flag -${spec.name} must be true or false, not ${JSON.stringify(value)}`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw new UsageError(
      `flag -${spec.name} must be one of ${spec.choices.join(', ')}, not ${JSON.stringify(value)}`,
    );
  }
  if (spec.kind !== 'number') return;
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return;
  throw new UsageError(
    `flag -${spec.name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`,
  );
}
