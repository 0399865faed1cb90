import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArguments, replayCommand, usage, UsageError, type Arguments } from './arguments.js';
import { keptSeeds } from './kept-seeds.js';
import { makePlan, type PlanChanges } from './plan.js';
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

function openTrace(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new UsageError(`--trace: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printTrace(args: Arguments): { sink: TraceSink; end: (failed: boolean) => void } {
  const file = args.traceFile === undefined ? undefined : openTrace(args.traceFile);
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

/** A fault that is left out because its name is wrong would look like one that does no harm. */
function checkFaults(seed: number, { faults, ...others }: PlanChanges): void {
  const planned = new Set(makePlan(seed, others).faults.map(({ id }) => id));
  const odd = faults?.find((id) => !planned.has(id));
  if (odd !== undefined) throw new UsageError(`--faults: seed ${seed} has no ${odd}`);
}

async function runOne(seed: number, args: Arguments): Promise<boolean> {
  checkFaults(seed, args.changes);
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

async function runMany(first: number, args: Arguments): Promise<boolean> {
  const { mode } = args;
  if (mode !== 'kept') console.log(`first seed ${first}`);
  const runs = mode === 'until-failure' ? Infinity : args.runs;
  const summary = await runSwarm(mode === 'kept' ? keptSeeds() : { from: first, count: runs }, {
    workers: args.workers,
    untilFailure: mode === 'until-failure',
    changes: args.changes,
    failed: ({ seed, failure }) =>
      console.log(`\n${failure}\nreplay: ${replayCommand(seed, args.changes)}\n`),
  });
  console.log(describeSummary(summary));
  return summary.failed.length === 0;
}

function freshSeed(): number {
  return Math.floor(Math.random() * freshSeedMax);
}

/** @returns whether all was well */
async function act(args: Arguments): Promise<boolean> {
  const { mode, mutant: name, recorded, workers } = args;
  const seed = args.seed ?? freshSeed();
  const print = (line: string): void => console.log(line);
  switch (mode) {
    case 'help':
      print(usage);
      return true;
    case 'shrink':
      checkFaults(seed, args.changes);
      return shrink(seed, args.changes, print);
    case 'mutants': {
      // Takes the TypeScript compiler with it, which nothing else needs and which is slow to load.
      const { huntMutants } = await import('./mutants/command.js');
      return huntMutants({ name, firstSeed: args.seed, recorded, workers }, print);
    }
    case 'one-run':
      return runOne(seed, args);
    case 'runs':
    case 'until-failure':
    case 'kept':
      return runMany(seed, args);
  }
}

async function main(): Promise<void> {
  // Whoever reads the story of a run may have read enough of it.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = (await act(parseArguments(process.argv.slice(2)))) ? 0 : 1;
}

main().catch((error: unknown) => {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
});
