import { UsageError } from '../arguments.js';
import { mutants, waitingMutants } from './catalogue.js';
import { hunt, type HuntResult } from './hunt.js';

/** So many runs must be enough for every mutant. */
export const mutantRunsMax = 2000;
const nameWidth = Math.max(...mutants.map(({ name }) => name.length));

export interface MutantsOptions {
  /** undefined: all. */
  readonly name: string | undefined;
  readonly firstSeed: number;
  readonly runsMax: number;
}

/** Hunts the mutants one after the other and prints the table. @returns whether all were caught */
export async function huntMutants(options: MutantsOptions, print: (line: string) => void): Promise<boolean> {
  const wanted = mutants.filter(({ name }) => options.name === undefined || name === options.name);
  if (wanted.length === 0) throw new UsageError(`no mutant is called ${options.name ?? ''}`);
  print(`${'mutant'.padEnd(nameWidth)}  ${'seed'.padStart(6)} ${'runs'.padStart(6)}  noticed by`);
  let caught = 0;
  for (const mutant of wanted) {
    const result = await hunt(mutant, options.firstSeed, options.runsMax);
    if (result.seed !== undefined) caught++;
    print(describeResult(result));
  }
  print(`${caught} of ${wanted.length} caught`);
  if (options.name === undefined) {
    for (const { name, feature } of waitingMutants) print(`waits for ${feature}: ${name}`);
  }
  return caught === wanted.length;
}

function describeResult({ mutant, seed, runs, failure, excluded }: HuntResult): string {
  const shown = seed === undefined ? 'none' : String(seed);
  const without = excluded.length === 0 ? '' : ` (fail without it too: ${excluded.join(' ')})`;
  const noticed = seed === undefined ? 'NOT CAUGHT' : failure;
  return `${mutant.name.padEnd(nameWidth)}  ${shown.padStart(6)} ${String(runs).padStart(6)}  ${noticed}${without}`;
}
