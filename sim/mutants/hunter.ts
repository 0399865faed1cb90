import { makePlan } from '../plan.js';
import { Run } from '../run.js';

/** What the process that runs a mutant tells after each run. */
export interface HuntReport {
  readonly seed: number;
  /** undefined: nothing was noticed. */
  readonly failure: string | undefined;
}

// As in the workers of a swarm.
Error.stackTraceLimit = 0;

/** Runs in the copy of the code that has the fault: seed after seed, until something is noticed. */
const first = Number(process.argv[2]);
const last = Number(process.argv[3]);
for (let seed = first; seed <= last; seed++) {
  const { failure } = await new Run(makePlan(seed)).play();
  const report: HuntReport = { seed, failure };
  await new Promise((resolve) => process.send!(report, resolve));
  if (failure !== undefined) break;
}
process.disconnect();
