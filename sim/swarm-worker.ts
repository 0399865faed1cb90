import { makePlan } from './plan.js';
import { Run } from './run.js';
import type { SwarmResult, SwarmTask } from './swarm.js';

// Where an error was made is told by the replay of its seed; of the many that are expected it would only take time.
Error.stackTraceLimit = 0;

/** Of this process, as far as the parent was told. */
let cpuToldMs = 0;

/** Runs the seeds that the parent sends, one after the other. */
process.on('message', ({ seed, changes }: SwarmTask) => {
  void new Run(makePlan(seed, changes)).play().then((result) => {
    const { user, system } = process.cpuUsage();
    const cpuMs = (user + system) / 1000;
    const answer: SwarmResult = { ...result, cpuMs: cpuMs - cpuToldMs };
    cpuToldMs = cpuMs;
    process.send?.(answer);
  });
});
