import { randomInt } from 'node:crypto';
import { UsageError } from '../src/cli/exit-codes.js';
import type { FlagSpec, FlagValues } from '../src/cli/flags.js';
import type { Attack } from '../test/hostile/attacks/attack.js';
import { attacks } from '../test/hostile/attacks/table.js';
import { judge } from '../test/hostile/bounds.js';
import { cellsOf, columns } from '../test/hostile/outcome.js';
import { attackedFlags, fill, play } from '../test/hostile/scene.js';
import { ProcessCluster } from '../test/system/processes/process-cluster.js';
import { flagLines } from './report/flag-lines.js';
import { runProgram } from './report/run-program.js';

/**
 * Plays the attacks of `test/hostile` one by one on three members, and prints what each costs. Unlike the tests it holds
 * the honest client's p99 to the double of what it was before, for which the machine must have nothing else to do.
 */
const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this and the names of the attacks' },
  { name: 'attacks', kind: 'text', value: 'A,B,...', summary: 'these alone' },
  {
    name: 'seconds',
    kind: 'number',
    value: 'N',
    summary: 'how long each is played; by itself if not told',
    min: 1,
  },
  {
    name: 'seed',
    kind: 'number',
    value: 'N',
    summary: 'of what attackers draw',
    min: 0,
    default: String(randomInt(2 ** 31)),
  },
];

const nameWidth = Math.max(...attacks.map(({ name }) => name.length)) + 2;

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(nameWidth) + cells.map((cell, at) => cell.padStart(columns[at]!.length + 2)).join('');
}

const help = (): string => {
  const names = attacks.map(({ name, does }) => `  ${name.padEnd(nameWidth)}${does}\n`).join('');
  return `usage: node dist/bench/hostile.js [FLAGS]\n\nflags:\n${flagLines(flags)}\nattacks:\n${names}`;
};

function chosen(names: string): readonly Attack[] {
  if (names === '') return attacks;
  return names.split(',').map((name) => {
    const found = attacks.find((attack) => attack.name === name);
    if (found === undefined) throw new UsageError(`there is no attack ${name}`);
    return found;
  });
}

/** @returns what was wrong, a line for each */
async function playOne(
  cluster: ProcessCluster,
  attack: Attack,
  values: FlagValues,
): Promise<readonly string[]> {
  const seconds = values.number('seconds');
  const outcome = await play(cluster, attack, values.number('seed'), seconds > 0 ? seconds : attack.seconds);
  console.log(row(attack.name, cellsOf(outcome)));
  const faults = judge(outcome, attack.bounds, true);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults;
}

async function main(values: FlagValues): Promise<void> {
  const left = [...chosen(values.text('attacks'))];
  const failed: string[] = [];
  console.log(`seed ${values.number('seed')}`);
  console.log(row('', columns));
  while (left.length > 0) {
    await ProcessCluster.run({ diagnostic: () => {} }, { size: 3, flags: attackedFlags }, async (cluster) => {
      await fill(cluster.client());
      // A member that was hurt is not attacked again.
      for (let faults: readonly string[] = []; left.length > 0 && faults.length === 0;) {
        const attack = left.shift()!;
        faults = await playOne(cluster, attack, values).catch((error: unknown) => [`  ${String(error)}`]);
        if (faults.length > 0) failed.push(attack.name);
      }
    });
  }
  console.log(failed.length === 0 ? 'passed' : `failed: ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

await runProgram(flags, help, main);
