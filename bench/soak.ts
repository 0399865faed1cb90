import { randomInt } from 'node:crypto';
import type { FlagSpec, FlagValues } from '../src/cli/flags.js';
import { flagLines } from './report/flag-lines.js';
import { runProgram } from './report/run-program.js';
import { runHostile } from './soak/hostile/run-hostile.js';
import type { Deeds } from './soak/lives.js';
import type { Sample } from './soak/server-process.js';
import { soak } from './soak/soak.js';

/**
 * Soaks the gRPC server: connections that open, call, stream, reset and go, thousands at a time, while its memory
 * and descriptors are watched. Prints how they move, and a verdict. With --hostile it is three members that are soaked,
 * in all the attacks of `test/hostile`, several at a time, beside honest clients.
 */
const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'minutes', kind: 'number', value: 'N', summary: 'how long, 10 unless told', min: 1, default: '10' },
  { name: 'hostile', kind: 'boolean', summary: 'attack three members' },
  {
    name: 'attackers',
    kind: 'number',
    value: 'N',
    summary: 'attacks at a time, 4 unless told',
    min: 1,
    default: '4',
  },
  { name: 'hour', kind: 'boolean', summary: 'the same as --minutes=60' },
  {
    name: 'connections',
    kind: 'number',
    value: 'N',
    summary: 'at a time, 2000 unless told',
    min: 1,
    default: '2000',
  },
  {
    name: 'seed',
    kind: 'number',
    value: 'N',
    summary: 'of what the connections do',
    min: 0,
    default: String(randomInt(2 ** 31)),
  },
];

const pauseMs = 1000;
/** Two dozen lines, however long it takes. */
const lines = 24;

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padStart(12)).join('');
}

function shower(): (sample: Sample, deeds: Deeds) => void {
  console.log(
    row(['s', 'used MiB', 'RSS MiB', 'descriptors', 'connections', 'streaming', 'conns', 'calls', 'resets']),
  );
  const began = performance.now();
  return (sample, deeds) => {
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const { usedBytes, rssBytes, descriptors, connections, streaming } = sample;
    const figures = [mebibytes(usedBytes), mebibytes(rssBytes), descriptors, connections, streaming];
    console.log(row([seconds, ...figures, deeds.connections, deeds.calls, deeds.resets]));
  };
}

/** @returns whether all was well */
async function run(minutes: number, connections: number, seed: number): Promise<boolean> {
  console.log(`seed ${seed}, ${connections} connections, ${minutes} minutes`);
  const show = shower();
  const report = await soak({
    seed,
    connections,
    seconds: minutes * 60,
    pauseMs,
    sampleIntervalMs: (minutes * 60_000) / lines,
    onSample: show,
  });
  show(report.after, report.deeds);
  const grown = `${mebibytes(report.usedGrownBytes)} MiB used, ${mebibytes(report.rssGrownBytes)} MiB resident`;
  console.log(`grown from the middle third to the last one: ${grown}`);
  for (const fault of report.faults) console.log(fault);
  console.log(report.faults.length === 0 ? 'passed' : 'failed');
  return report.faults.length === 0;
}

const help = (): string => `usage: node dist/bench/soak.js [FLAGS]\n\nflags:\n${flagLines(flags)}`;

async function main(values: FlagValues): Promise<void> {
  const minutes = values.boolean('hour') ? 60 : values.number('minutes');
  const passed = values.boolean('hostile')
    ? await runHostile(minutes, values.number('attackers'), values.number('seed'))
    : await run(minutes, values.number('connections'), values.number('seed'));
  process.exitCode = passed ? 0 : 1;
}

await runProgram(flags, help, main);
