import type { Ready } from '../../src/raft/types.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { castOf, playMsMax } from './cast.js';
import { leaseGiven } from './lease-given.js';
import { livenessCorners } from './liveness-corners.js';
import { moves } from './moves.js';
import { slowLinks } from './narrow-links.js';
import { orderTransfer } from './order.js';
import type { Fault } from './scene.js';
import { successionCorners } from './succession-corners.js';
import { brokenTransfer, secondSnapshot, staleSnapshot, voteWhileInstalling } from './snapshot-corners.js';
import { snapshotStream } from './snapshot-stream.js';
import { play, type Stage } from './stage.js';

/** Faults that watch the cluster and act in the one moment that matters; only in runs that are led there (corners.ts). */

/** One of them is away for a moment, when all the others are there. */
function endOne(cluster: Cluster, machine: Machine, how: 'kill' | 'power-loss'): void {
  const others = cluster.machines.filter((each) => each !== machine);
  if (machine.running && others.every((each) => each.running)) cluster.end(machine, how);
}

/**
 * The power fails while a member writes entries together with the commit index that counts them: what it missed comes
 * in one append.
 */
const tornCatchUp: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const away = dice.pick(cast.others);
  play(scene, playMsMax, async (stage) => {
    const listener = (machine: Machine, { hardState, entries }: Ready): void => {
      const [first] = entries;
      if (first === undefined || hardState === undefined || hardState.commit < first.index) return;
      machine.storage.beforeNextSync(() => endOne(cluster, machine, 'power-loss'));
    };
    cluster.observer.readyListeners.add(listener);
    stage.lasts(() => cluster.observer.readyListeners.delete(listener));
    cluster.end(away, 'kill');
    await stage.pass(playMsMax);
  });
  return away.name;
};

/**
 * A leader hears its followers later and later while they hear it, so that it goes on leading for long when they hear
 * it no more. Then its time of day is set back: a lease that it measured would have no end.
 */
const lateLease: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { leader, others } = cast;
  const { electionTimeoutMs } = cluster.options;
  play(scene, playMsMax, async (stage) => {
    for (const { id } of others) stage.lasts(() => cluster.network.setLink(id, leader.id, undefined));
    for (const late of [0.6, 1.2, 1.8]) {
      const lateMs = late * electionTimeoutMs;
      const conditions = { latencyMsMin: lateMs, latencyMsMax: lateMs };
      for (const { id } of others) cluster.network.setLink(id, leader.id, conditions);
      await stage.pass(electionTimeoutMs * 0.7);
    }
    const backMs = dice.between(100, 100_000);
    leader.life?.process.jumpWall(-backMs);
    stage.tell(`${leader.name} is heard no more, and its clock is ${backMs} ms back`);
    for (const { id } of others) stage.lasts(cluster.network.cut(leader.id, id));
    await stage.pass(electionTimeoutMs * 3);
  });
  return leader.name;
};

/** A member is killed just after its log was cut, and needs all that is left of it. */
const cutAndKilled: Fault = (scene) => {
  const { cluster, dice } = scene;
  if (castOf(cluster) === undefined) return undefined;
  const firstIndexes = new Map<Machine, number>();
  const isCut = (machine: Machine): boolean => {
    const before = firstIndexes.get(machine) ?? Infinity;
    const now = machine.running ? machine.parts.raft.firstIndex : Infinity;
    firstIndexes.set(machine, now);
    return now > before && now < Infinity;
  };
  play(scene, playMsMax, async (stage) => {
    for (;;) {
      let victim: Machine | undefined;
      await stage.until(() => {
        victim = cluster.machines.find(isCut);
        return victim !== undefined;
      }, playMsMax);
      await stage.pass(dice.ms(0, 10));
      if (victim !== undefined) endOne(cluster, victim, 'kill');
    }
  });
  return 'whoever cuts its log';
};

/** The target of a transfer catches up in the very turn in which the transfer is given up, and writes wait. */
const transferGivenUp: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { leader } = cast;
  const target = dice.pick(cast.others);
  play(scene, playMsMax, (stage) => giveUp(stage, leader, target));
  return `${leader.name} to ${target.name}`;
};

async function giveUp(stage: Stage, leader: Machine, target: Machine): Promise<void> {
  const { heartbeatIntervalMs, electionTimeoutMs } = stage.cluster.options;
  const { raft } = leader.parts;
  const { process } = leader.life!;
  const isLate = (): boolean => (raft.status().progress.get(target.id)?.match ?? Infinity) < raft.lastIndex;
  let open = false;
  const gate = stage.gate(
    leader,
    ({ type, from }) => !open && type === 'append-response' && from === target.id,
  );
  await stage.until(isLate, electionTimeoutMs * 5);
  orderTransfer(stage.cluster, leader, target.id);
  const ticksMax = Math.round(electionTimeoutMs / heartbeatIntervalMs);
  let ticks = 0;
  const tick = raft.tick.bind(raft);
  raft.tick = () => {
    tick();
    if (raft.status().transferTarget !== target.id || ++ticks !== ticksMax - 1) return;
    process.setTimer(heartbeatIntervalMs - 0.05, () => {
      open = true;
      gate.release();
    });
  };
  stage.lasts(() => {
    raft.tick = tick;
  });
  await stage.pass(electionTimeoutMs * 2);
}

export const cornerFaults = {
  'corner-torn-catch-up': tornCatchUp,
  'corner-broken-transfer': brokenTransfer,
  'corner-late-lease': lateLease,
  'corner-cut-and-killed': cutAndKilled,
  'corner-transfer-given-up': transferGivenUp,
  'corner-second-snapshot': secondSnapshot,
  'corner-stale-snapshot': staleSnapshot,
  'corner-vote-while-installing': voteWhileInstalling,
  'corner-lease-given': leaseGiven,
  'corner-slow-links': slowLinks,
  'corner-moves': moves,
  'corner-snapshot-stream': snapshotStream,
  ...successionCorners,
  ...livenessCorners,
};
