import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArguments, replayCommand, usage, UsageError, type Arguments } from './arguments.js';
import { keptSeeds } from './kept-seeds.js';
import { huntMutants } from './mutants/command.js';
import { makePlan } from './plan.js';
import { Run, type RunResult } from './run.js';
import { shrink } from './shrink.js';
import { runSwarm, type SwarmSummary } from './swarm.js';
import { encodeTraceEvent, formatTraceEvent, type TraceEvent, type TraceSink } from './trace.js';

/** Seeds below this are written down; fresh ones are drawn below it too. */
const freshSeedMax = 1_000_000_000;
/** Of a failed run, the last events of all kinds that are printed. */
const eventsShownMax = 40;

/** What tells the story of a run; the rest is in the trace. */
const shownEvents = new Set<TraceEvent['event']>([
  'phase',
  'fault',
  'mend',
  'crash',
  'restart',
  'role',
  'failure',
]);

function printTrace(args: Arguments): { sink: TraceSink; end: (failed: boolean) => void } {
  const file = args.traceFile === undefined ? undefined : openSync(args.traceFile, 'w');
  const recent: TraceEvent[] = [];
  return {
    sink: (event) => {
      if (file !== undefined) writeSync(file, `${encodeTraceEvent(event)}\n`);
      if (args.verbose || shownEvents.has(event.event)) console.log(formatTraceEvent(event));
      recent.push(event);
      if (recent.length > eventsShownMax) recent.shift();
    },
    end: (failed) => {
      if (file !== undefined) closeSync(file);
      if (!failed || args.verbose) return;
      console.log('\nThe last events of all kinds:');
      for (const event of recent) console.log(formatTraceEvent(event));
    },
  };
}

async function runOne(seed: number, args: Arguments): Promise<boolean> {
  const { sink, end } = printTrace(args);
  const began = performance.now();
  const result = await new Run(makePlan(seed, args.changes), sink).play();
  end(result.failure !== undefined);
  console.log(`\n${describeResult(result, performance.now() - began)}`);
  if (result.failure === undefined) return true;
  console.log(`\n${result.failure}\n\nreplay: ${replayCommand(seed, args.changes)}`);
  return false;
}

function describeResult(result: RunResult, realMs: number): string {
  const {
    virtualMs,
    events,
    faults,
    operations,
    operationsOk,
    entriesApplied,
    term,
    undecided,
    fingerprint,
  } = result;
  return (
    `seed ${result.seed}: ${(virtualMs / 1000).toFixed(1)} s of virtual time in ${realMs.toFixed(0)} ms, ` +
    `${events} events, ${faults} faults, ${operationsOk} of ${operations} calls answered, ` +
    `${entriesApplied} entries applied, term ${term}, ${undecided} keys undecided, ` +
    `fingerprint ${fingerprint.toString(16)}`
  );
}

function describeSummary(summary: SwarmSummary): string {
  const { runs, failed, virtualMs, cpuMs, events, realMs, operations, faults, undecided } = summary;
  return (
    `${runs} runs; ${(virtualMs / 3_600_000).toFixed(2)} hours of virtual time in ` +
    `${(realMs / 1000).toFixed(0)} s, ${operations} calls, ${faults} faults, ${describeUndecided(undecided)}\n` +
    `virtual time / processor time: ${(virtualMs / cpuMs).toFixed(0)}; ${(events / cpuMs).toFixed(0)} events/ms\n` +
    `${runs - failed.length} passed, ${failed.length} failed`
  );
}

function describeUndecided(undecided: SwarmSummary['undecided']): string {
  const keys = undecided.reduce((sum, each) => sum + each.keys, 0);
  const seeds = undecided.map(({ seed }) => seed).join(' ');
  return `${keys} keys undecided${keys === 0 ? '' : ` (seeds ${seeds})`}`;
}

async function runMany(args: Arguments): Promise<boolean> {
  const first = args.seed ?? Math.floor(Math.random() * freshSeedMax);
  const runs = args.untilFailure ? Infinity : args.runs;
  if (!args.kept) console.log(`first seed ${first}`);
  const seeds = args.kept ? keptSeeds() : { from: first, count: runs };
  const summary = await runSwarm(seeds, {
    workers: args.workers,
    untilFailure: args.untilFailure,
    changes: args.changes,
    failed: ({ seed, failure }) =>
      console.log(`\n${failure}\nreplay: ${replayCommand(seed, args.changes)}\n`),
  });
  console.log(describeSummary(summary));
  return summary.failed.length === 0;
}

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  let ok: boolean;
  if (args.shrink) {
    if (args.seed === undefined) throw new UsageError('--shrink needs the --seed that fails');
    ok = await shrink(args.seed, args.changes, (line) => console.log(line));
  } else if (args.mutants) {
    const { mutant: name, seed: firstSeed, recorded, workers } = args;
    ok = await huntMutants({ name, firstSeed, recorded, workers }, (line) => console.log(line));
  } else if (args.runs > 1 || args.untilFailure || args.kept) ok = await runMany(args);
  else ok = await runOne(args.seed ?? Math.floor(Math.random() * freshSeedMax), args);
  process.exitCode = ok ? 0 : 1;
}

main().catch((error: unknown) => {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
});
