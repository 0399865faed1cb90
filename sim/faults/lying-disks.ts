import { mayLoseOne } from '../budget.js';
import { openApart } from '../open-apart.js';
import { someRunning, type Fault } from './scene.js';

/** Syncs are reported and not done, until the disk does all of them at once; meanwhile processes die, and no power fails. */
const lyingSync: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined || machine.lying) return undefined;
  machine.lying = true;
  machine.disk.lies = true;
  scene.lasts(dice.ms(100, cluster.options.electionTimeoutMs * 10), () => {
    machine.lying = false;
    machine.disk.lies = false;
    machine.disk.syncAll();
  });
  return machine.name;
};

/**
 * Syncs are reported and not done, and then the power fails: any sectors that were written meanwhile are gone. No log
 * survives that, and with what it has forgotten, votes and acknowledgements, the member must not come back. What is
 * promised is that a start which looks at such a folder refuses it, or finds nothing that is not true.
 */
const lostSyncs: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined || machine.lying || !mayLoseOne(cluster, machine)) return undefined;
  machine.forgetful = true;
  machine.lying = true;
  machine.disk.lies = true;
  scene.lasts(dice.ms(100, cluster.options.electionTimeoutMs * 10), () => {
    machine.lying = false;
    if (machine.gone) return;
    machine.lost = true;
    if (machine.life === undefined) machine.disk = machine.disk.crash(dice);
    else cluster.end(machine, 'power-loss');
    openApart(cluster, machine, dice);
  });
  return machine.name;
};

export const lyingDiskFaults = { 'lying-sync': lyingSync, 'lost-syncs': lostSyncs };
