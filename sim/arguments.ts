import { parseArgs } from 'node:util';
import type { PlanChanges } from './plan.js';

export interface Arguments {
  /** undefined: a fresh one. */
  readonly seed: number | undefined;
  readonly runs: number;
  readonly untilFailure: boolean;
  readonly shrink: boolean;
  readonly traceFile: string | undefined;
  /** Prints every event of the one run, not only those that matter most. */
  readonly verbose: boolean;
  readonly kept: boolean;
  readonly workers: number;
  /** Hunts the deliberate faults of sim/mutants, or the one of this name. */
  readonly mutants: boolean;
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

Runs may be made smaller:
  --members N  --clients N  --calls N  --duration MS  --faults kill.1,pause.3 (or none)`;

export class UsageError extends Error {}

/** @throws UsageError */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parse(args);
  const faults = values.faults;
  return {
    seed: number(values.seed, 'seed'),
    runs: number(values.runs, 'runs') ?? 1,
    untilFailure: values['until-failure'] ?? false,
    shrink: values.shrink ?? false,
    traceFile: values.trace,
    verbose: values.verbose ?? false,
    kept: values.kept ?? false,
    mutants: (values.mutants ?? false) || values.mutant !== undefined,
    mutant: values.mutant,
    recorded: values.recorded ?? false,
    workers: number(values.workers, 'workers') ?? 2,
    changes: {
      members: number(values.members, 'members'),
      clients: number(values.clients, 'clients'),
      callsMax: number(values.calls, 'calls'),
      durationMs: number(values.duration, 'duration'),
      faults: faults === undefined ? undefined : faults === 'none' ? [] : faults.split(','),
    },
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
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
        workers: text,
        members: text,
        clients: text,
        calls: text,
        duration: text,
        faults: text,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function number(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed) || parsed < 0) {
    throw new UsageError(`--${name} is a whole number, not ${value}`);
  }
  return parsed;
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
