import { UsageError } from '../arguments.js';
import { mutants, waitingMutants } from './catalogue.js';
import { hunt, type HuntResult } from './hunt.js';
import type { Mutant } from './mutant.js';
import { recordedSeeds } from './recorded-seeds.js';

/** So many runs must be enough for every mutant. */
const mutantRunsMax = 2000;
const nameWidth = Math.max(...mutants.map(({ name }) => name.length));

export interface MutantsOptions {
  /** undefined: all. */
  readonly name: string | undefined;
  /** undefined: 1. */
  readonly firstSeed: number | undefined;
  /** The seed that is written down for each comes first. */
  readonly recorded: boolean;
  /** Hunts at a time. */
  readonly workers: number;
}

/** Hunts the mutants and prints the table. @returns whether all were caught */
export async function huntMutants(options: MutantsOptions, print: (line: string) => void): Promise<boolean> {
  const wanted = mutants.filter(({ name }) => options.name === undefined || name === options.name);
  if (wanted.length === 0) throw new UsageError(`no mutant is called ${options.name ?? ''}`);
  const hunted = options.recorded ? replayer() : hunter(options.firstSeed ?? 1);
  print(`${'mutant'.padEnd(nameWidth)}  ${'seed'.padStart(6)} ${'runs'.padStart(6)}  noticed by`);
  let caught = 0;
  const waiting = wanted.values();
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const result = await hunted(mutant);
      if (result.seed !== undefined) caught++;
      print(describeResult(result));
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  if (options.name === undefined) {
    for (const { name, feature } of waitingMutants) print(`waits for ${feature}: ${name}`);
  }
  print(`${caught} passed, ${wanted.length - caught} failed`);
  return caught === wanted.length;
}

type Hunter = (mutant: Mutant) => Promise<HuntResult>;

function hunter(firstSeed: number): Hunter {
  return (mutant) => hunt(mutant, firstSeed, mutantRunsMax);
}

/** Where the code has changed since, a seed may no longer lead to where the fault shows: then another must. */
function replayer(): Hunter {
  const seeds = recordedSeeds();
  const anew = hunter(1);
  return async (mutant) => {
    const seed = seeds.get(mutant.name);
    const result = seed === undefined ? undefined : await hunt(mutant, seed, 1);
    return result?.seed === undefined ? anew(mutant) : result;
  };
}

function describeResult({ mutant, seed, runs, failure, excluded }: HuntResult): string {
  const shown = seed === undefined ? 'none' : String(seed);
  const without = excluded.length === 0 ? '' : ` (fail without it too: ${excluded.join(' ')})`;
  const noticed = seed === undefined ? 'NOT CAUGHT' : failure;
  return `${mutant.name.padEnd(nameWidth)}  ${shown.padStart(6)} ${String(runs).padStart(6)}  ${noticed}${without}`;
}
