import { noMember } from '../../src/base/ids.js';
import { isSound, mayLoseOne, possibleConfigs } from '../budget.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { membersMax } from '../plan.js';
import { order, orderTransfer } from './order.js';
import { someRunning, type Fault, type FaultScene } from './scene.js';

const removalTimeoutMs = 5000;
/** So long a removal whose outcome is not known may still happen. */
const afterRemovalMs = 15_000;

const transfer: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined) return undefined;
  const target = dice.chance(0.5) ? noMember : dice.pick(cluster.machines).id;
  orderTransfer(cluster, machine, target);
  return `at ${machine.name} to ${target}`;
};

const join: Fault = ({ cluster }) => {
  if (cluster.machines.filter((each) => !each.lost && !each.retired).length >= membersMax) return undefined;
  const machine = cluster.addMachine('joining');
  cluster.start(machine);
  return machine.name;
};

/** Asks `through` to have `target` removed. */
export function removeAt(cluster: Cluster, through: Machine, target: Machine): void {
  cluster.removals++;
  cluster.clock.setTimer(afterRemovalMs, () => cluster.removals--);
  const call = { type: 'remove', target: target.id } as const;
  order(cluster, through, call, removalTimeoutMs, async (member, options) => {
    await member.removeMember(target.id, options);
    return { type: 'remove' };
  });
}

const remove: Fault = (scene) => {
  const through = someRunning(scene);
  const target = removable(scene);
  if (through === undefined || target === undefined) return undefined;
  removeAt(scene.cluster, through, target);
  return `${target.name} at ${through.name}`;
};

/** A cluster that has lost a member replaces that one first. */
function removable({ cluster, dice }: FaultScene): Machine | undefined {
  const lost = membersThatAre(cluster, (each) => !isSound(each));
  const target = dice.pick(lost.length > 0 ? lost : cluster.machines);
  return !target.lost && lost.length > 0 ? undefined : target;
}

/** Several removals asked for at one moment, each of another member. */
const removeAtOnce: Fault = (scene) => {
  const { cluster, dice } = scene;
  const through = dice.shuffled(cluster.running()).slice(0, dice.between(2, 4));
  const done = through.flatMap((machine) => {
    const target = removable(scene);
    if (target === undefined) return [];
    removeAt(cluster, machine, target);
    return [`${target.name} at ${machine.name}`];
  });
  return done.length === 0 ? undefined : done.join(', ');
};

function membersThatAre(cluster: Cluster, is: (machine: Machine) => boolean): Machine[] {
  const configs = possibleConfigs(cluster);
  return cluster.machines.filter(
    (each) => is(each) && configs.some(({ voters, learners }) => [...voters, ...learners].includes(each.id)),
  );
}

/** A machine burns down; it is removed, and a new one with an empty disk joins. */
const replace: Fault = (scene) => {
  const { cluster, dice } = scene;
  const [known] = membersThatAre(cluster, (each) => each.lost);
  const victim = known ?? dice.pick(cluster.machines);
  if (known === undefined) {
    if (victim.lost || victim.retired || !mayLoseOne(cluster, victim)) return undefined;
    victim.lost = true;
    if (victim.life !== undefined) cluster.end(victim, 'power-loss');
  }
  const through = someRunning(scene);
  if (through !== undefined) removeAt(cluster, through, victim);
  const newcomer = join(scene);
  return `${victim.name} by ${newcomer ?? 'nobody yet'}`;
};

export const membershipFaults = {
  'transfer-leadership': transfer,
  join,
  remove,
  'remove-at-once': removeAtOnce,
  replace,
};
