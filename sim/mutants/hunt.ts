import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePlan } from '../plan.js';
import { Run } from '../run.js';
import { runnerV8Options } from '../v8-options.js';
import { buildMutant } from './apply.js';
import type { HuntReport } from './hunter.js';
import type { Mutant } from './mutant.js';

/** A run that takes longer will not end: time no longer passes in it. */
const runTimeoutMs = 180_000;

export interface HuntResult {
  readonly mutant: Mutant;
  /** The seed that caught it; undefined: none did. */
  readonly seed: number | undefined;
  /** Runs with the fault until then. */
  readonly runs: number;
  /** What was noticed, in one line. */
  readonly failure: string;
  /** Seeds that fail without the fault too, and so say nothing. */
  readonly excluded: readonly number[];
}

/** Runs the mutant with seeds from `first` on until one catches it, at most `runsMax` of them. */
export async function hunt(mutant: Mutant, first: number, runsMax: number): Promise<HuntResult> {
  const folder = buildMutant(mutant);
  const excluded: number[] = [];
  const last = first + runsMax - 1;
  try {
    for (let from = first; from <= last;) {
      const { seed, failure } = await runUntilFailure(folder, from, last);
      if (failure === undefined) break;
      const { failure: without } = await new Run(makePlan(seed)).play();
      const runs = seed - first + 1;
      if (without === undefined) return { mutant, seed, runs, failure: inOneLine(failure), excluded };
      excluded.push(seed);
      from = seed + 1;
    }
    return { mutant, seed: undefined, runs: runsMax, failure: '', excluded };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a process of its own: a fault may also be that a run does not end. */
function runUntilFailure(folder: string, first: number, last: number): Promise<HuntReport> {
  return new Promise((resolve, reject) => {
    const child = fork(join(folder, 'sim/mutants/hunter.js'), [String(first), String(last)], {
      execArgv: [...runnerV8Options],
    });
    let reached = first - 1;
    let found: HuntReport | undefined;
    let timer: NodeJS.Timeout | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        found = { seed: reached + 1, failure: 'the run does not end' };
        child.kill('SIGKILL');
      }, runTimeoutMs);
    };
    watch();
    child.on('message', (report: HuntReport) => {
      watch();
      reached = report.seed;
      if (report.failure !== undefined) found = report;
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (found !== undefined) resolve(found);
      else if (code === 0) resolve({ seed: last, failure: undefined });
      // Out of memory, as a rule.
      else if (signal !== null) resolve({ seed: reached + 1, failure: `the process died of ${signal}` });
      else reject(new Error(`the process that runs the mutant ended with ${code} at seed ${reached + 1}`));
    });
  });
}

function inOneLine(failure: string): string {
  return (failure.split('\n')[0] ?? '').replace(/^\w*Error: /, '');
}
