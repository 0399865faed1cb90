import { parseArgs } from 'node:util';
import { allCornerKinds } from './corners.js';
import { faultKinds } from './faults/kinds.js';
import { membersMax, type PlanChanges } from './plan.js';

/** What the command does; without an option that says so, one run. */
export type Mode = 'one-run' | 'runs' | 'until-failure' | 'kept' | 'shrink' | 'mutants' | 'help';

export interface Arguments {
  readonly mode: Mode;
  /** undefined: a fresh one; of mutants: 1. */
  readonly seed: number | undefined;
  readonly runs: number;
  readonly traceFile: string | undefined;
  /** Prints every event of the one run, not only those that matter most. */
  readonly verbose: boolean;
  readonly workers: number;
  /** Of the deliberate faults, the one of this name; undefined: all. */
  readonly mutant: string | undefined;
  /** Of mutants: the seeds that are written down come first. */
  readonly recorded: boolean;
  readonly changes: PlanChanges;
}

export const usage = `npm run simulate -- [options]

  --seed N           one run of seed N, with what happened; or the first of --runs
  --runs N           N runs, from --seed or a fresh seed on, on all workers
  --until-failure    runs until one fails
  --kept             the seeds of sim/seeds.txt
  --trace FILE       every event of the one run as a line of JSON
  --verbose          every event of the one run, for people
  --shrink           the smallest variant of the failing run --seed that still fails
  --workers N        processes at a time (2)
  --mutants          each deliberate fault of sim/mutants: which seed, from --seed or 1 on, catches it
  --mutant NAME      that one alone
  --recorded         of mutants: the seeds of sim/mutants/seeds.txt first
  --help             this text

Runs may be made smaller:
  --members N  --clients N  --calls N  --duration MS  --faults kill.1,pause.3 (or none)`;

export class UsageError extends Error {}

const workersMax = 64;
const changes = ['members', 'clients', 'calls', 'duration', 'faults'] as const;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const options = {
  seed: text,
  runs: text,
  'until-failure': flag,
  shrink: flag,
  kept: flag,
  trace: text,
  verbose: flag,
  mutants: flag,
  mutant: text,
  recorded: flag,
  help: flag,
  workers: text,
  members: text,
  clients: text,
  calls: text,
  duration: text,
  faults: text,
} as const;
type OptionName = keyof typeof options;
export const optionNames = Object.keys(options) as readonly OptionName[];

/** Options that say what is to be done; at most one of them may be given, but for the two of mutants. */
const modeOptions: Partial<Record<OptionName, Mode>> = {
  runs: 'runs',
  'until-failure': 'until-failure',
  kept: 'kept',
  shrink: 'shrink',
  mutants: 'mutants',
  mutant: 'mutants',
  help: 'help',
};

/** The others that make sense with it. */
const optionsOfMode: Readonly<Record<Mode, readonly OptionName[]>> = {
  'one-run': ['seed', 'trace', 'verbose', ...changes],
  runs: ['seed', 'workers', ...changes],
  'until-failure': ['seed', 'workers', ...changes],
  kept: ['workers'],
  shrink: ['seed', ...changes],
  mutants: ['seed', 'recorded', 'workers'],
  help: [],
};

/** @throws UsageError that names the option and the rule */
export function parseArguments(args: readonly string[]): Arguments {
  const values = parse(args);
  const mode = modeOf(Object.keys(values) as OptionName[]);
  if (mode === 'shrink' && values.seed === undefined) {
    throw new UsageError('--shrink needs the --seed that fails');
  }
  return {
    mode,
    seed: number(values.seed, 'seed'),
    runs: number(values.runs, 'runs', 1) ?? 1,
    traceFile: values.trace,
    verbose: values.verbose ?? false,
    mutant: values.mutant,
    recorded: values.recorded ?? false,
    workers: number(values.workers, 'workers', 1, workersMax) ?? 2,
    changes: {
      members: number(values.members, 'members', 1, membersMax),
      clients: number(values.clients, 'clients'),
      callsMax: number(values.calls, 'calls'),
      durationMs: number(values.duration, 'duration'),
      faults: values.faults === undefined ? undefined : faultIds(values.faults),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function modeOf(given: readonly OptionName[]): Mode {
  if (given.includes('help')) return 'help';
  const [first, ...others] = given.filter((name) => modeOptions[name] !== undefined);
  const mode = (first === undefined ? undefined : modeOptions[first]) ?? 'one-run';
  const stranger = others.find((name) => modeOptions[name] !== mode);
  if (stranger !== undefined) throw new UsageError(`--${first!} and --${stranger} do not go together`);
  const odd = given.find((name) => modeOptions[name] !== mode && !optionsOfMode[mode].includes(name));
  if (odd === undefined) return mode;
  throw new UsageError(
    first === undefined ? `--${odd} does not go with a single run` : `--${odd} does not go with --${first}`,
  );
}

function number(
  value: string | undefined,
  name: OptionName,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined) return undefined;
  const parsed = /^\d+$/.test(value) ? Number(value) : NaN;
  if (parsed >= least && parsed <= most) return parsed;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  throw new UsageError(`--${name} is a whole number ${range}, not ${value}`);
}

function faultIds(value: string): readonly string[] {
  if (value === 'none') return [];
  const kinds: readonly string[] = [...faultKinds, ...allCornerKinds];
  const ids = value.split(',');
  const odd = ids.find((id) => !/^[a-z-]+\.\d+$/.test(id) || !kinds.includes(id.split('.')[0]!));
  if (odd === undefined) return ids;
  throw new UsageError(`--faults names faults as kill.1, with a kind of sim/faults/kinds.ts, not ${odd}`);
}

/** What replays a run. */
export function replayCommand(seed: number, changes: PlanChanges = {}): string {
  const words = ['npm run simulate -- --seed', String(seed)];
  const add = (name: string, value: number | undefined): void => {
    if (value !== undefined) words.push(`--${name}`, String(value));
  };
  add('members', changes.members);
  add('clients', changes.clients);
  add('calls', changes.callsMax);
  add('duration', changes.durationMs);
  if (changes.faults !== undefined) words.push('--faults', changes.faults.join(',') || 'none');
  return words.join(' ');
}
