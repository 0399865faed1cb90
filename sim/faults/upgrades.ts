import { noMember } from '../../src/base/ids.js';
import { newestLogFormat } from '../../src/storage/wal/format.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { orderTransfer, stop } from './order.js';
import type { Fault } from './scene.js';
import { play, type Stage } from './stage.js';

const upgradeMsMax = 30_000;
/** An operator looks now and then. */
const lookEveryMs = 20;

/**
 * A rolling upgrade: one member after the other is stopped and comes back with the newest format of the log, the
 * leader last, and none before the last has caught up. Meanwhile the log of one is in both formats, and its entries
 * come from members with either.
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
  return machines.filter((each) => !each.gone && each.logFormat !== newestLogFormat);
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
  machine.logFormat = newestLogFormat;
  stage.tell(`${machine.name} is stopped to be upgraded`);
  stop(cluster, machine);
  const { lives } = machine;
  const wanted = cluster.observer.invariants.commit;
  const isBack = (): boolean =>
    machine.gone ||
    (machine.running && machine.lives > lives && machine.parts.machine.applied.index >= wanted);
  await stage.until(isBack, upgradeMsMax, lookEveryMs);
}

export const upgradeFaults = { 'rolling-upgrade': rollingUpgrade };
