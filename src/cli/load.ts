import { KvorumError, type KvorumClient } from '../client/index.js';
import { clientCommand, jsonFlag } from './client-command.js';
import type { Command } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { textTable, toJson } from './text-table.js';

interface Load {
  readonly clients: number;
  readonly durationMs: number;
  readonly keys: number;
  readonly value: string;
  readonly readsPercent: number;
}

interface Outcome {
  readonly latenciesMs: number[];
  failed: number;
  durationMs: number;
}

/** Each of `clients` makes one request after the other; keys go round, so that runs are alike. */
async function runLoad(client: KvorumClient, load: Load): Promise<Outcome> {
  const outcome: Outcome = { latenciesMs: [], failed: 0, durationMs: 0 };
  const startedMs = performance.now();
  let count = 0;
  const one = async (): Promise<void> => {
    while (performance.now() - startedMs < load.durationMs) {
      const number = count++;
      const key = `bench/${number % load.keys}`;
      const beganMs = performance.now();
      try {
        if (number % 100 < load.readsPercent) await client.get(key);
        else await client.set(key, load.value);
        outcome.latenciesMs.push(performance.now() - beganMs);
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        outcome.failed++;
        if (error.code === 'SERVER_UNREACHABLE') throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: load.clients }, one));
  outcome.durationMs = performance.now() - startedMs;
  return outcome;
}

function report({ latenciesMs, failed, durationMs }: Outcome): Record<string, number> {
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (share: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return Math.round(value * 1000) / 1000;
  };
  return {
    requests: sorted.length,
    failed,
    requestsPerSecond: Math.round(sorted.length / (durationMs / 1000)),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    longestMs: at(1),
  };
}

export const benchCommand: Command = clientCommand({
  name: 'bench',
  usage: '',
  summary: 'load a cluster and show requests a second and latencies; writes keys below bench/',
  flags: [
    jsonFlag,
    {
      name: 'clients',
      kind: 'number',
      default: '64',
      value: 'N',
      summary: 'requests at a time',
      min: 1,
      max: 10_000,
    },
    { name: 'seconds', kind: 'number', default: '5', value: 'N', summary: 'how long', min: 1, max: 86_400 },
    { name: 'keys', kind: 'number', default: '10000', value: 'N', summary: 'different keys', min: 1 },
    {
      name: 'value-size',
      kind: 'number',
      default: '128',
      value: 'BYTES',
      summary: 'size of each value',
      max: 1_048_576,
    },
    { name: 'reads', kind: 'number', default: '0', value: 'PERCENT', summary: 'share of reads', max: 100 },
  ],
  argumentsMin: 0,
  argumentsMax: 0,
  examples: ['bench', 'bench --clients=256 --seconds=10 --reads=90 --json'],
  run: async (client, { flags, io }) => {
    const outcome = await runLoad(client, {
      clients: flags.number('clients'),
      durationMs: flags.number('seconds') * 1000,
      keys: flags.number('keys'),
      value: 'x'.repeat(flags.number('value-size')),
      readsPercent: flags.number('reads'),
    });
    const figures = report(outcome);
    const rows = Object.entries(figures).map(([name, value]) => [name, String(value)]);
    await io.stdout.write(flags.boolean('json') ? toJson(figures) : textTable(['FIGURE', 'VALUE'], rows));
    if (outcome.failed === 0) return exitCodes.ok;
    throw new CommandError(exitCodes.failed, `${outcome.failed} requests failed`);
  },
});
