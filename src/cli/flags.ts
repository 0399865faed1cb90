import { UnknownNameError, UsageError } from './exit-codes.js';

export interface FlagSpec {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'boolean';
  /** As it would be typed; undefined: not given. */
  readonly default?: string;
  /** Of the environment: what is there comes before the default. Empty is as if it were not there. */
  readonly environment?: string;
  /** What the value is, as shown in help: `HOST:PORT`. */
  readonly value?: string;
  readonly summary: string;
  readonly min?: number;
  readonly max?: number;
  /** The only values that are allowed. */
  readonly choices?: readonly string[];
  /** Throws an Error that says the rule; parseFlags names the flag. */
  readonly check?: (value: string) => void;
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

  /** On the command line or by the environment: more than a default. */
  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  text(name: string): string {
    return this.#raw(name) ?? '';
  }

  number(name: string): number {
    return Number(this.#raw(name) ?? '0');
  }

  /** As `optional`. */
  optionalNumber(name: string): number | undefined {
    const raw = this.#raw(name);
    return raw === undefined ? undefined : Number(raw);
  }

  boolean(name: string): boolean {
    return this.#raw(name) === 'true';
  }
}

/** What Node makes of bytes that are no UTF-8; the bytes themselves are lost. */
export const notDecoded = '\ufffd';
export const notDecodedRule = 'is no UTF-8, or holds U+FFFD, which stands for such bytes';

export interface Parsed {
  readonly given: Map<string, string>;
  readonly args: string[];
}

/**
 * Reads flags in every spelling: `-id=x`, `--id=x`, `-id x`, `--id x`. A boolean takes no word after it. `--` ends
 * the flags; a lone `-` is an argument.
 *
 * @throws UsageError that names the flag and the rule
 */
export function parseFlags(words: readonly string[], specs: readonly FlagSpec[]): Parsed {
  const given = new Map<string, string>();
  const args: string[] = [];
  for (const part of scan(words, specs)) {
    if (part.kind === 'argument') {
      args.push(words[part.at]!);
      continue;
    }
    const { spec, value } = part;
    check(spec, value, `flag -${spec.name}`);
    if (given.has(spec.name)) throw new UsageError(`flag -${spec.name} is given twice`);
    given.set(spec.name, value);
  }
  return { given, args };
}

/**
 * Where the first word stands that is neither a flag nor the value of one; -1 if there is none.
 *
 * @throws UsageError for a flag before it that is not of `specs` or has no value
 */
export function firstArgument(words: readonly string[], specs: readonly FlagSpec[]): number {
  for (const part of scan(words, specs)) if (part.kind === 'argument') return part.at;
  return -1;
}

type Part =
  | { readonly kind: 'flag'; readonly spec: FlagSpec; readonly value: string }
  | { readonly kind: 'argument'; readonly at: number };

function* scan(words: readonly string[], specs: readonly FlagSpec[]): Generator<Part, void, undefined> {
  let flagsEnded = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (flagsEnded || word === '-' || !word.startsWith('-')) {
      yield { kind: 'argument', at };
      continue;
    }
    if (word === '--') {
      flagsEnded = true;
      continue;
    }
    const equals = word.indexOf('=');
    const written = equals < 0 ? word : word.slice(0, equals);
    const spec = specs.find(({ name }) => name === written.replace(/^--?/, ''));
    if (spec === undefined) {
      if (/^-\.?\d/.test(word))
        throw new UsageError(`unknown flag ${written}: if it is no flag, write -- before it`);
      const known = specs.map(({ name }) => `-${name}`);
      throw new UnknownNameError(`unknown flag ${written}`, written.replace(/^--/, '-'), known);
    }
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    if (value === undefined) value = spec.kind === 'boolean' ? 'true' : words[++at];
    if (value === undefined) throw new UsageError(`flag -${spec.name} needs a value`);
    if (value.includes(notDecoded)) throw new UsageError(`flag -${spec.name} ${notDecodedRule}`);
    yield { kind: 'flag', spec, value };
  }
}

/**
 * Adds what the environment says of flags that are not given.
 *
 * @throws UsageError that names the variable and the rule
 */
export function addEnvironment(
  given: Map<string, string>,
  specs: readonly FlagSpec[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  for (const spec of specs) {
    const value = spec.environment === undefined ? undefined : env[spec.environment];
    if (value === undefined || value === '' || given.has(spec.name)) continue;
    check(spec, value, spec.environment!);
    given.set(spec.name, value);
  }
}

/** @param called what the message calls it */
function check(spec: FlagSpec, value: string, called: string): void {
  const { kind, choices, min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  const wrong = (rule: string): UsageError =>
    new UsageError(`${called} must be ${rule}, not ${JSON.stringify(value)}`);
  if (kind === 'boolean' && value !== 'true' && value !== 'false') throw wrong('true or false');
  if (choices !== undefined && !choices.includes(value)) throw wrong(`one of ${choices.join(', ')}`);
  if (kind === 'number' && (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max)) {
    throw wrong(`a whole number from ${min} to ${max}`);
  }
  try {
    spec.check?.(value);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new UsageError(`${called}: ${error.message}`, { cause: error });
  }
}
