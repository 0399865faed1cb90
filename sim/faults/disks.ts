import type { FailingOperation } from '../disk-model.js';
import { mayLoseOne, possibleConfigs } from '../budget.js';
import type { Cluster } from '../cluster.js';
import type { Life, Machine } from '../machine.js';
import { lostSector } from './lost-sector.js';
import { lyingDiskFaults } from './lying-disks.js';
import { someRunning, type Fault, type FaultScene } from './scene.js';

const slowDisk: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  machine.storage.slowness = dice.pick([5, 50, 500]);
  scene.lasts(dice.ms(10, cluster.options.electionTimeoutMs * 5), () => {
    machine.storage.slowness = 1;
  });
  return `${machine.name} ${machine.storage.slowness} times`;
};

/** The next operation of this kind fails; the member must stop, and be right when it is started again. */
function failing(operation: FailingOperation): Fault {
  return (scene: FaultScene) => {
    const machine = someRunning(scene);
    if (machine === undefined) return undefined;
    machine.storage.arm(operation);
    return machine.name;
  };
}

const fullDisk: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  const freeBytes = dice.pick([0, 300, 5000]);
  machine.capacityBytes = machine.disk.usedBytes + machine.disk.takenByOthers() + freeBytes;
  machine.disk.capacityBytes = machine.capacityBytes;
  scene.lasts(dice.ms(100, cluster.options.electionTimeoutMs * 10), () => {
    machine.capacityBytes = Infinity;
    machine.disk.capacityBytes = Infinity;
  });
  return `${machine.name}, ${freeBytes} bytes left`;
};

/** One bit changes in a segment of the log: it is found, or does no harm, but is never served. */
const rotLog: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined || !mayLoseOne(cluster, machine)) return undefined;
  const paths = machine.disk.paths().filter((path) => path.startsWith('wal/'));
  if (paths.length === 0) return undefined;
  const path = dice.pick(paths);
  const sizeBytes = machine.disk.sizeOf(path);
  if (sizeBytes === 0) return undefined;
  // Mostly at the front, where something is written.
  const position = dice.below(dice.chance(0.7) ? Math.min(sizeBytes, 1500) : sizeBytes);
  machine.disk.flipBit(path, position, dice.below(8));
  // A log is read when a process starts.
  machine.rottenLog = true;
  cluster.end(machine, 'kill');
  return `${machine.name} ${path} at ${position}`;
};

/** One bit changes in some of the chunks of snapshots that a member sends: whoever gets them finds it, and gets them anew. */
const rotSnapshot: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  machine.rotsChunk = (): boolean => dice.chance(0.2);
  scene.lasts(dice.ms(100, cluster.options.electionTimeoutMs * 10), () => {
    machine.rotsChunk = () => false;
  });
  return machine.name;
};

/** So long a member may go on that has met a row which is not as it was written. */
const goesOnMsMax = 1000;

/**
 * Fails the run if the member goes on in this life, in which it has met such a row. One that has closed its
 * connections may take as long to end as its disk takes for what it has begun; one that is stopped by a signal stops
 * once it goes on.
 */
function mustStop(cluster: Cluster, machine: Machine, life: Life): void {
  cluster.clock.setTimer(goesOnMsMax, () => {
    if (machine.life !== life || life.peers.closed) return;
    if (life.process.paused) mustStop(cluster, machine, life);
    else cluster.fail(new Error(`${machine.name} goes on with a damaged state`));
  });
}

/** One bit changes in a row of the state: whoever reads it is told so, and the member ends. */
const rotState: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined || !mayLoseOne(cluster, machine)) return undefined;
  // It may be long until the row is read: by then it may vote, in a cluster that cannot do without it.
  if (possibleConfigs(cluster).some(({ learners }) => learners.includes(machine.id))) return undefined;
  const changed = machine.backend.flipBit((below) => dice.below(below));
  if (changed === undefined) return undefined;
  const life = machine.life!;
  machine.backend.damageMet = () => {
    machine.backend.damageMet = () => {};
    cluster.trace(machine.name, 'log', 'has met a damaged row');
    mustStop(cluster, machine, life);
  };
  return `${machine.name} ${changed}`;
};

export const diskFaults = {
  'slow-disk': slowDisk,
  'failing-sync': failing('sync'),
  'failing-write': failing('write'),
  'failing-read': failing('read'),
  'failing-state': failing('flush'),
  'full-disk': fullDisk,
  ...lyingDiskFaults,
  'lost-sector': lostSector,
  'rot-log': rotLog,
  'rot-snapshot': rotSnapshot,
  'rot-state': rotState,
};
