import type { KvorumClient } from '../client/index.js';
import type { Invocation } from './command.js';
import { CommandError, exitCodes, type ExitCode } from './exit-codes.js';
import type { FlagValues } from './flags.js';
import { fillKeys, loadKey, runLoad, type Load, type LoadFigures } from './load.js';
import { textTable, toJson } from './text-table.js';

function loadOf(flags: FlagValues): Load {
  return {
    clients: flags.number('clients'),
    warmUpMs: flags.number('warm-up') * 1000,
    durationMs: flags.number('seconds') * 1000,
    keys: flags.number('keys'),
    valueSizeBytes: flags.number('value-size'),
    readsPercent: flags.number('reads'),
    seed: flags.number('seed'),
  };
}

interface KindReport {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly longestMs: number;
}

interface Report {
  readonly load: Load;
  readonly durationMs: number;
  readonly answered: Readonly<Record<string, KindReport>>;
  readonly failed: Readonly<Record<string, number>>;
}

const milliseconds = (microseconds: number): number => Math.round(microseconds) / 1000;

function reportOf(load: Load, { durationMs, answered, failed }: LoadFigures): Report {
  const kinds = [...answered].sort(([left], [right]) => (left < right ? -1 : 1));
  const report = kinds.map(([kind, histogram]): [string, KindReport] => [
    kind,
    {
      requests: histogram.count,
      requestsPerSecond: Math.round(histogram.count / (durationMs / 1000)),
      meanMs: milliseconds(histogram.mean),
      p50Ms: milliseconds(histogram.percentile(50)),
      p90Ms: milliseconds(histogram.percentile(90)),
      p99Ms: milliseconds(histogram.percentile(99)),
      p999Ms: milliseconds(histogram.percentile(99.9)),
      longestMs: milliseconds(histogram.max),
    },
  ]);
  return {
    load,
    durationMs: Math.round(durationMs),
    answered: Object.fromEntries(report),
    failed: Object.fromEntries(failed),
  };
}

const header = [
  ...['KIND', 'REQUESTS', 'PER SECOND', 'MEAN MS', 'P50 MS', 'P90 MS', 'P99 MS', 'P99.9 MS', 'LONGEST MS'],
];

function reportTable({ answered }: Report): string {
  const rows = Object.entries(answered).map(([kind, each]) => {
    const times = [each.meanMs, each.p50Ms, each.p90Ms, each.p99Ms, each.p999Ms, each.longestMs];
    return [
      kind,
      String(each.requests),
      String(each.requestsPerSecond),
      ...times.map((timeMs) => timeMs.toFixed(2)),
    ];
  });
  return textTable(header, rows);
}

export async function runBench(client: KvorumClient, { flags, io }: Invocation): Promise<ExitCode> {
  const load = loadOf(flags);
  const ended = new AbortController();
  const ignoreSignals = io.onSignal(() => ended.abort());
  try {
    // A cluster that cannot serve, or refuses such a value, is told before anything is measured.
    await client.set(loadKey(0), 'x'.repeat(load.valueSizeBytes));
    if (load.readsPercent > 0) await fillKeys(client, load, ended.signal);
    const report = reportOf(load, await runLoad(client, load, ended.signal));
    await io.stdout.write(flags.boolean('json') ? toJson(report) : reportTable(report));
    const failures = Object.entries(report.failed);
    if (failures.length === 0) return exitCodes.ok;
    const listed = failures.map(([code, count]) => `${count} ${code}`).join(', ');
    throw new CommandError(exitCodes.failed, `requests failed: ${listed}`);
  } finally {
    ignoreSignals();
  }
}
