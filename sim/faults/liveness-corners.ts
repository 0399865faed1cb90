import type { NetworkConditions, Parcel } from '../../src/peer/memory-network.js';
import { castOf, playMsMax } from './cast.js';
import type { Fault } from './scene.js';
import { play } from './stage.js';

/** Faults after which, or during which, whoever waits must be served: the checker of liveness looks, see standings.ts. */

/** An answer from a member takes longer than the wait before it is asked again, and comes before anybody stands for election. */
const distantTicks = { min: 3, max: 9 };
const distantElections = { min: 8, max: 20 };
/** The disk hangs until others lead, and for a while behind that. */
const hungMs = 4500;
/** Whoever doubles the wait before each resend has come to one that is longer than any write may take. */
const lostElections = { min: 2, max: 20 };

/** All ways to a follower, and from it, are long. It has a leader, and may take longer, but not for ever. */
const distantMember: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const distant = dice.pick(cast.others);
  const { heartbeatIntervalMs, electionTimeoutMs } = cluster.options;
  const latencyMsMin = heartbeatIntervalMs * dice.between(distantTicks.min, distantTicks.max);
  const lastsMs = Math.min(
    playMsMax,
    electionTimeoutMs * dice.between(distantElections.min, distantElections.max),
  );
  const others = cluster.machines.filter((each) => each !== distant);
  const setLinks = (conditions: Partial<NetworkConditions> | undefined): void => {
    for (const { id } of others) {
      cluster.network.setLink(id, distant.id, conditions);
      cluster.network.setLink(distant.id, id, conditions);
    }
  };
  setLinks({ latencyMsMin, latencyMsMax: latencyMsMin });
  scene.lasts(lastsMs, () => setLinks(undefined));
  return `${distant.name}, ${latencyMsMin} ms`;
};

/** The leader's disk hangs, and the others could lead. */
const hungLeader: Fault = (scene) => {
  const { cluster } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { storage, name } = cast.leader;
  storage.slowness = Infinity;
  scene.lasts(hungMs, () => {
    storage.slowness = 1;
  });
  return name;
};

/** What a follower passes on is lost, again and again; then nothing is any more. */
const lostProposals: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { id, name } = dice.pick(cast.others);
  const isLost = ({ type, from }: Parcel): boolean => type === 'propose' && from === id;
  const lostMs = cluster.options.electionTimeoutMs * dice.between(lostElections.min, lostElections.max);
  play(scene, lostMs, async (stage) => {
    stage.keepBack(isLost);
    await stage.pass(playMsMax);
  });
  return `${name}, for ${lostMs} ms`;
};

export const livenessCorners = {
  'corner-distant-member': distantMember,
  'corner-hung-leader': hungLeader,
  'corner-lost-proposals': lostProposals,
};
