import { noMember } from '../../src/base/ids.js';
import { comparisonsLevel, oldBuild } from '../builds.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { orderTransfer, stop } from './order.js';
import type { Fault } from './scene.js';
import { play, type Stage } from './stage.js';

const upgradeMsMax = 30_000;
/** From the decision to what it leads to. */
const decisionMsMax = 3000;
/** An operator looks now and then. */
const lookEveryMs = 20;

/**
 * A rolling upgrade: one member after the other is stopped and comes back with the newer version, its format of the log
 * and its feature levels, the leader last, and none before the last has caught up. Meanwhile the log of one is in both
 * formats, and its entries come from members of either version.
 */
const rollingUpgrade: Fault = (scene) => {
  const { cluster } = scene;
  const old = oldMachines(cluster);
  if (cluster.upgrading || old.length === 0) return undefined;
  cluster.upgrading = true;
  play(scene, upgradeMsMax, async (stage) => {
    stage.lasts(() => (cluster.upgrading = false));
    for (let next = nextOf(stage); next !== undefined; next = nextOf(stage)) await upgrade(stage, next);
    stage.tell('all are upgraded');
  });
  return old.map(({ name }) => name).join(' ');
};

function oldMachines({ machines }: Cluster): Machine[] {
  return machines.filter((each) => !each.gone && each.levels.max < comparisonsLevel);
}

/** Those that run come first. */
function nextOf({ cluster, dice }: Stage): Machine | undefined {
  const old = oldMachines(cluster);
  const followers = old.filter((each) => each.running && each !== cluster.leader());
  return followers.length > 0 ? dice.pick(followers) : (old.find((each) => each.running) ?? old[0]);
}

async function upgrade(stage: Stage, machine: Machine): Promise<void> {
  const { cluster, dice } = stage;
  const { electionTimeoutMs } = cluster.options;
  await stage.until(() => machine.running || machine.gone, upgradeMsMax, lookEveryMs);
  if (machine === cluster.leader() && dice.chance(0.5)) {
    orderTransfer(cluster, machine, noMember);
    await stage.pass(dice.ms(0, electionTimeoutMs));
  }
  machine.upgrade();
  stage.tell(`${machine.name} is stopped to be upgraded`);
  stop(cluster, machine);
  const { lives } = machine;
  const wanted = cluster.observer.invariants.commit;
  const isBack = (): boolean =>
    machine.gone ||
    (machine.running && machine.lives > lives && machine.parts.machine.applied.index >= wanted);
  await stage.until(isBack, upgradeMsMax, lookEveryMs);
}

/**
 * The older version is installed again on a member, as an operator may while the level is not raised as far as that member
 * knows. It may be raised meanwhile, which half of them come upon: then it ends by itself, and is upgraded once more.
 */
const rollback: Fault = (scene) => {
  const { cluster, dice } = scene;
  if (!cluster.plan.upgradesLogs) return undefined;
  const upgraded = cluster
    .running()
    .filter(
      ({ levels, parts }) => levels.max === comparisonsLevel && parts.machine.featureLevel < comparisonsLevel,
    );
  if (upgraded.length === 0) return undefined;
  const machine = dice.pick(upgraded);
  const { lives } = machine;
  play(scene, upgradeMsMax, async (stage) => {
    if (dice.chance(0.5)) await stage.until(() => cluster.observer.raising, upgradeMsMax, 1);
    else await stage.pass(dice.ms(0, decisionMsMax));
    if (!machine.running || machine.lives > lives) return;
    if (dice.chance(0.5)) cluster.end(machine, 'kill');
    else stop(cluster, machine);
    await stage.until(() => machine.life === undefined || machine.lives > lives, upgradeMsMax, lookEveryMs);
    if (machine.life !== undefined) return;
    machine.levels = oldBuild;
    stage.tell(`${machine.name} has the older version again`);
  });
  return machine.name;
};

export const upgradeFaults = { 'rolling-upgrade': rollingUpgrade, 'roll-back': rollback };
