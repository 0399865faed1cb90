import { makePlan } from './plan.js';
import { Run } from './run.js';
import type { SwarmResult, SwarmTask } from './swarm.js';

// Where an error was made is told by the replay of its seed; of the many that are expected it would only take time.
Error.stackTraceLimit = 0;

/** Runs the seeds that the parent sends, one after the other. */
process.on('message', ({ seed, changes }: SwarmTask) => {
  const began = process.cpuUsage();
  void new Run(makePlan(seed, changes)).play().then((result) => {
    const { user, system } = process.cpuUsage(began);
    const answer: SwarmResult = { ...result, cpuMs: (user + system) / 1000 };
    process.send?.(answer);
  });
});
