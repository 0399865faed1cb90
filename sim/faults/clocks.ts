import { someRunning, type Fault } from './scene.js';

/** A clock that runs fast or slow, within what the plan allows. */
const drift: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  const process = machine?.life?.process;
  if (machine === undefined || process === undefined || cluster.plan.driftMax === 0) return undefined;
  const rate = 1 + cluster.plan.driftMax * (dice.below(2001) / 1000 - 1);
  process.drift(rate);
  return `${machine.name} runs at ${rate.toFixed(4)}`;
};

/** Nobody may care: no decision of the protocol looks at the time of day. */
const wallJump: Fault = (scene) => {
  const machine = someRunning(scene);
  const process = machine?.life?.process;
  if (machine === undefined || process === undefined) return undefined;
  const byMs = scene.dice.between(-100_000_000, 100_000_000);
  process.jumpWall(byMs);
  return `${machine.name} by ${byMs} ms`;
};

export const clockFaults = { drift, 'wall-jump': wallJump };
