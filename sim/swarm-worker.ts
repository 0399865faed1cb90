import { makePlan } from './plan.js';
import { Run } from './run.js';
import type { SwarmResult } from './swarm.js';

/** Runs the seeds that the parent sends, one after the other. */
process.on('message', (seed: number) => {
  const began = process.cpuUsage();
  void new Run(makePlan(seed)).play().then((result) => {
    const { user, system } = process.cpuUsage(began);
    const answer: SwarmResult = { ...result, cpuMs: (user + system) / 1000 };
    process.send?.(answer);
  });
});
