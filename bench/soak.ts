import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Deeds } from './soak/lives.js';
import type { Sample } from './soak/server-process.js';
import { soak } from './soak/soak.js';

/**
 * Soaks the gRPC server: connections that open, call, stream, reset and go, thousands at a time, while its memory
 * and descriptors are watched. Prints how they move, and a verdict.
 *
 *     node dist/bench/soak.js [--minutes 10] [--hour] [--connections 2000] [--seed N]
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    hour: { type: 'boolean', default: false },
    connections: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
});

const minutes = values.hour ? 60 : Number(values.minutes);
const connections = Number(values.connections);
const seed = Number(values.seed);
const pauseMs = 1000;
/** Two dozen lines, however long it takes. */
const lines = 24;

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padStart(12)).join('');
}

console.log(`seed ${seed}, ${connections} connections, ${minutes} minutes`);
console.log(
  row(['s', 'used MiB', 'RSS MiB', 'descriptors', 'connections', 'streaming', 'conns', 'calls', 'resets']),
);
const began = performance.now();

function show(sample: Sample, deeds: Deeds): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const { usedBytes, rssBytes, descriptors, connections: open, streaming } = sample;
  const figures = [mebibytes(usedBytes), mebibytes(rssBytes), descriptors, open, streaming];
  console.log(row([seconds, ...figures, deeds.connections, deeds.calls, deeds.resets]));
}

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
process.exitCode = report.faults.length === 0 ? 0 : 1;
