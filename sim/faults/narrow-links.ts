import type { Machine } from '../machine.js';
import { castOf, playMsMax } from './cast.js';
import type { Fault } from './scene.js';
import { play } from './stage.js';

/**
 * All links carry what clients write, and not much more: an entry takes longer than an election. Nobody may notice but by
 * the time that writes take: who leads goes on, and what was in its log early in the play is committed at its end.
 */
export const slowLinks: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { leader } = cast;
  const bandwidthBytesPerMs = dice.pick([8, 12]);
  play(scene, playMsMax, async (stage) => {
    const { term } = leader.parts.raft;
    const follows = (each: Machine): boolean =>
      each.running && each.parts.raft.term === term && each.parts.raft.leader === leader.id;
    stage.need(cluster.machines.every(follows));
    const { conditions } = cluster.network;
    stage.lasts(() => Object.assign(conditions, { bandwidthBytesPerMs: Infinity }));
    Object.assign(conditions, { bandwidthBytesPerMs });
    await stage.pass(playMsMax / 4);
    const { lastIndex } = leader.parts.raft;
    await stage.pass((playMsMax * 3) / 4 - 1);
    for (const machine of cluster.machines) {
      if (!follows(machine)) cluster.fail(new Error(`${machine.name} has left its leader on slow links`));
    }
    const { commit } = leader.parts.raft;
    if (commit < lastIndex)
      cluster.fail(new Error(`${commit} of ${lastIndex} entries are committed on slow links`));
  });
  return `${leader.name}, ${bandwidthBytesPerMs} bytes/ms`;
};
