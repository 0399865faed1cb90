import type { Ready } from '../../src/raft/types.js';
import { Dice } from '../dice.js';
import type { Machine } from '../machine.js';
import { castOf, playMsMax } from './cast.js';
import type { Fault, FaultScene } from './scene.js';
import { handOver, holdOffer, play, type LateOffer, type Stage } from './stage.js';

/** Rows of a snapshot have come. */
export function isArriving({ running, backend }: Machine): boolean {
  return running && (backend.arrivingSizeBytes ?? 0) > 0;
}

/** The one that leads, the one that will, and the one that both bring their state. */
interface Roles {
  readonly leader: Machine;
  readonly away: Machine;
  readonly next: Machine;
}

function rolesOf({ cluster, dice }: FaultScene): Roles | undefined {
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const [away, next] = dice.shuffled(cast.others);
  return away === undefined || next === undefined ? undefined : { leader: cast.leader, away, next };
}

/** One that is away comes back when the logs of both others no longer reach back to it. */
async function comeBackBehind(stage: Stage, away: Machine, others: readonly Machine[]): Promise<void> {
  const mend = stage.lasts(
    stage.cluster.network.partition(
      [away.id],
      others.map(({ id }) => id),
    ),
  );
  const isBehind = (): boolean =>
    others.every((each) => each.running && each.parts.raft.firstIndex > away.parts.raft.lastIndex + 1);
  await stage.until(isBehind, playMsMax);
  mend();
}

/** A transfer is broken off so often. */
const breaksMax = 6;

/**
 * A transfer breaks off again and again, and goes on where it stopped; or the break is so long that the one end, or both, have
 * given it up; or the machine that receives is started anew in between, or its disk is full. In some of these runs bits of chunks
 * change on their way.
 */
export const brokenTransfer: Fault = (scene) => {
  const roles = rolesOf(scene);
  if (roles === undefined) return undefined;
  const { leader, away, next } = roles;
  const { cluster, dice } = scene;
  // The number was chosen so that the seeds that are written down for other mutants run without.
  const rot = Dice.of(cluster.plan.seed, 'chunks that rot 2126');
  const rots = rot.chance(0.6);
  play(scene, playMsMax, async (stage) => {
    if (rots) leader.rotsChunk = () => rot.chance(0.05);
    stage.lasts(() => {
      leader.rotsChunk = () => false;
    });
    await comeBackBehind(stage, away, [leader, next]);
    for (let left = dice.below(breaksMax + 1); left > 0; left--) {
      await stage.until(() => isArriving(away), playMsMax);
      const before = away.backend.arrivingSizeBytes ?? 0;
      const hasMore = (): boolean => (away.backend.arrivingSizeBytes ?? Infinity) > before;
      await stage.until(hasMore, playMsMax, 0.1);
      stage.need(isArriving(away) && !away.parts.raft.installing);
      if (dice.chance(0.1)) cluster.end(away, 'kill');
      else if (dice.chance(0.2)) await fillDisk(stage, away);
      else if (dice.chance(0.3)) {
        const mend = stage.lasts(cluster.network.partition([leader.id], [away.id]));
        await stage.pass(cluster.options.snapshotKeptMs * dice.pick([0.5, 1.5]));
        mend();
      } else cluster.network.disconnect(leader.id, away.id);
    }
    // The state is in place, and the log does not follow yet.
    const isHalfDone = (): boolean => {
      const { applied, installedAt } = away.backend;
      return away.running && away.parts.raft.installing && installedAt?.index === applied.index;
    };
    await stage.until(isHalfDone, playMsMax, 0.05);
    cluster.end(away, 'power-loss');
  });
  return `${away.name} behind ${leader.name} and ${next.name}`;
};

/** For a while there is no more free than what the log has in reserve, or a little more. */
async function fillDisk(stage: Stage, machine: Machine): Promise<void> {
  const { disk } = machine;
  const { diskReserveSizeBytes, electionTimeoutMs } = stage.cluster.options;
  const freeBytes = diskReserveSizeBytes + stage.dice.pick([0, 300]);
  machine.capacityBytes = disk.capacityBytes = disk.usedBytes + disk.takenByOthers() + freeBytes;
  stage.tell(`${machine.name} has ${freeBytes} bytes left`);
  const mend = stage.lasts(() => {
    machine.capacityBytes = machine.disk.capacityBytes = Infinity;
  });
  await stage.pass(electionTimeoutMs);
  mend();
}

/** A second leader offers a snapshot while that of the first, which has just arrived, is installed slowly. */
export const secondSnapshot: Fault = (scene) => {
  const roles = rolesOf(scene);
  if (roles === undefined) return undefined;
  const { leader, away, next } = roles;
  const { cluster } = scene;
  play(scene, playMsMax, async (stage) => {
    await comeBackBehind(stage, away, [leader, next]);
    const { raft } = away.parts;
    await stage.until(() => isArriving(away), playMsMax);
    await handOver(stage, leader, next);
    stage.need(!raft.installing && isArriving(away));
    let installs = false;
    const listener = (machine: Machine, { snapshot }: Ready): void => {
      if (machine !== away || snapshot === undefined) return;
      installs = true;
      machine.storage.slowness = 100;
    };
    cluster.observer.readyListeners.add(listener);
    stage.lasts(() => {
      cluster.observer.readyListeners.delete(listener);
      away.storage.slowness = 1;
    });
    await stage.until(() => installs, playMsMax);
    stage.tell(`${away.name} installs slowly`);
    await stage.until(() => !raft.installing, playMsMax);
  });
  return `${away.name} behind ${leader.name} and ${next.name}`;
};

/**
 * The offer of a snapshot is so late that the next leader's has arrived meanwhile, and is newer. Mostly the first one leads
 * again by then: of one that does not lead no offer is taken.
 */
export const staleSnapshot: Fault = (scene) => {
  const roles = rolesOf(scene);
  if (roles === undefined) return undefined;
  const { leader, away, next } = roles;
  const { cluster } = scene;
  play(scene, playMsMax, async (stage) => {
    let offer: LateOffer | undefined;
    holdOffer(stage, leader, away, (held) => {
      offer = held;
    });
    await comeBackBehind(stage, away, [leader, next]);
    const { raft } = away.parts;
    await stage.until(() => offer !== undefined, playMsMax);
    await handOver(stage, leader, next);
    const { index } = offer!.offer.meta;
    await stage.until(() => raft.commit > index && !raft.installing, playMsMax);
    if (scene.dice.chance(0.7)) {
      await handOver(stage, next, leader);
      await stage.until(() => raft.leader === leader.id, playMsMax);
    }
    stage.tell(`a snapshot of ${index} comes late to ${away.name}, which is at ${raft.commit}`);
    offer!.arrive();
    await stage.pass(cluster.options.electionTimeoutMs);
  });
  return `${away.name} behind ${leader.name} and ${next.name}`;
};

/** Elections that two may take, one of which installs a snapshot. */
const electionsMax = 8;

/**
 * The leader is gone while a member installs a snapshot, which takes as long as it will: the vote of that one is what the
 * third needs. Then that one is gone too, before its state is in place or when its log is about to follow.
 */
export const voteWhileInstalling: Fault = (scene) => {
  const roles = rolesOf(scene);
  if (roles === undefined) return undefined;
  const { leader, away, next } = roles;
  const { cluster, dice } = scene;
  const { electionTimeoutMs } = cluster.options;
  play(scene, playMsMax, async (stage) => {
    let installs = false;
    const goOn = await new Promise<() => void>((resolve) => {
      const held = new Promise<void>((end) => resolve(stage.lasts(end)));
      away.storage.beforeNextInstall(() => {
        installs = true;
        return held;
      });
    });
    await comeBackBehind(stage, away, [leader, next]);
    await stage.until(() => installs, playMsMax);
    stage.need(cluster.leader() === leader && next.running && away.running);
    const { raft } = away.parts;
    stage.lasts(cluster.network.partition([leader.id], [away.id, next.id]));
    stage.tell(`${away.name} installs, and ${leader.name} is gone`);
    await stage.pass(electionTimeoutMs * electionsMax);
    requireElected(scene, next, away);
    if (dice.chance(0.5)) {
      goOn();
      await stage.until(() => !raft.installing, playMsMax, 0.1);
    }
    if (away.running) cluster.end(away, 'power-loss');
    await stage.pass(electionTimeoutMs * electionsMax);
  });
  return `${away.name} behind ${leader.name} and ${next.name}`;
};

function requireElected({ cluster }: FaultScene, next: Machine, voter: Machine): void {
  if (!next.running || !voter.running || next.parts.raft.role === 'leader') return;
  cluster.fail(new Error(`${next.name} is not elected, with ${voter.name} that installs a snapshot`));
}
