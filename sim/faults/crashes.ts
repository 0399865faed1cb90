import type { Ending } from '../cluster.js';
import { stop } from './order.js';
import { someRunning, type Fault, type FaultScene } from './scene.js';
import { upgradeFaults } from './upgrades.js';

function endOne(scene: FaultScene, how: Ending): string | undefined {
  const { cluster, dice } = scene;
  const alive = cluster.machines.filter((each) => each.life !== undefined);
  // One that is still reading its data folder is hit too.
  const machine = dice.chance(0.3) && alive.length > 0 ? dice.pick(alive) : someRunning(scene);
  if (machine === undefined) return undefined;
  if (how === 'power-loss' && machine.running && dice.chance(0.5)) {
    // While something is written and not yet synced: what of it is on the disk is anybody's guess.
    machine.storage.beforeNextSync(() => {
      if (machine.life !== undefined) cluster.end(machine, how);
    });
    return `${machine.name} in its next sync`;
  }
  cluster.end(machine, how);
  return machine.name;
}

const everywhere: Fault = ({ cluster }) => {
  const alive = cluster.machines.filter((each) => each.life !== undefined);
  for (const machine of alive) cluster.end(machine, 'power-loss');
  return alive.length === 0 ? undefined : alive.map((each) => each.name).join(' ');
};

/** Stops and starts again, perhaps with another segment size of the log. */
const gracefully: Fault = (scene) => {
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  stop(scene.cluster, machine);
  return machine.name;
};

const pause: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  const process = machine?.life?.process;
  if (machine === undefined || process === undefined || process.paused) return undefined;
  const { electionTimeoutMs } = cluster.options;
  const ms = dice.ms(electionTimeoutMs / 20, electionTimeoutMs * dice.pick([1, 3, 10]));
  const reorders = dice.chance(0.3);
  // Without a throw of its own: all seeds that are kept go on as they did.
  const isSuspension = Math.floor(ms * 1000) % 4 === 0;
  if (isSuspension) process.suspend();
  else process.pause();
  scene.lasts(ms, () => process.resume((waiting) => (reorders ? dice.shuffled(waiting) : waiting)));
  return `${machine.name}${isSuspension ? ', suspended,' : ''} for ${ms.toFixed(0)} ms`;
};

export const crashFaults = {
  'power-loss': (scene: FaultScene) => endOne(scene, 'power-loss'),
  'power-loss-everywhere': everywhere,
  kill: (scene: FaultScene) => endOne(scene, 'kill'),
  'restart-gracefully': gracefully,
  pause,
  ...upgradeFaults,
};
