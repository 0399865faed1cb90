import { parseArgs } from 'node:util';
import { faults } from './faults.js';

export interface Arguments {
  readonly seconds: number;
  readonly seed: number;
  /** This one again and again; undefined: all of them. */
  readonly fault: string | undefined;
  /** The prefix of the machines that are there already: the part that runs beside their switch. */
  readonly inside: string | undefined;
  readonly help: boolean;
}

const secondsDefault = 600;
/** Timers of Node do not go further. */
const secondsMax = Math.floor((2 ** 31 - 1) / 1000);
const seedMax = 2 ** 32 - 1;

export const usage = `npm run test:network -- [options]

  --seconds N     plays rounds of faults for so long (${secondsDefault}), as root
  --seed N        the order of the faults and their sizes (a fresh one, that is told)
  --fault NAME    one of these again and again:
${Object.keys(faults)
  .map((name) => `                    '${name}'`)
  .join('\n')}`;

export class UsageError extends Error {}

/** @throws UsageError that names the option and its rule */
export function parseArguments(args: readonly string[]): Arguments {
  const { seconds, seed, fault, inside, help } = parse(args);
  if (fault !== undefined && !Object.hasOwn(faults, fault)) {
    throw new UsageError(`no fault is called '${fault}'`);
  }
  return {
    seconds: number('seconds', seconds, 1, secondsMax) ?? secondsDefault,
    seed: number('seed', seed, 0, seedMax) ?? Date.now() % 1_000_000_000,
    fault,
    inside,
    help: help ?? false,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { seconds: text, seed: text, fault: text, inside: text, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function number(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value.trim() === '' || !Number.isInteger(parsed) || parsed < min || parsed > max) {
    throw new UsageError(`--${name} is a whole number from ${min} to ${max}, not '${value}'`);
  }
  return parsed;
}
