import type { Parcel } from '../../src/peer/memory-network.js';
import type { Cluster } from '../cluster.js';
import type { Fault, FaultScene } from './scene.js';

/** Some are so frequent that those of the others would be hit by chance alone. */
const types: readonly Parcel['type'][] = [
  'append',
  'append-response',
  'heartbeat',
  'heartbeat-response',
  'vote-request',
  'vote-response',
  'propose',
  'propose-response',
  'read-index',
  'read-index-response',
  'transfer-leader',
  'timeout-now',
  'snapshot-part',
];
const toLeaders: readonly Parcel['type'][] = [
  'append-response',
  'heartbeat-response',
  'propose',
  'read-index',
  'transfer-leader',
];

/** Of one kind, so many may pass before. */
const passMax = 4;
/** What waits for another term arrives in any case. */
const electionsMax = 20;

/**
 * One message is late by several elections, while all else goes its way: it comes into another world. Half of them do not
 * arrive before the one that they were sent to is in a later term, and leads in it if that is whom they were meant for.
 */
export const straggler: Fault = (scene) => {
  const { cluster, dice } = scene;
  const { electionTimeoutMs } = cluster.options;
  const type = dice.pick(types);
  const lateMs = electionTimeoutMs * dice.pick([0.5, 2, 5]) + dice.ms(0, electionTimeoutMs * 2);
  const waits = dice.chance(0.5);
  let pass = dice.below(passMax);
  const end = cluster.network.hold((parcel, arrive) => {
    if (parcel.type !== type || pass-- > 0) return false;
    end();
    cluster.trace('fault', 'fault', `${type} ${parcel.from}->${parcel.to} is late`);
    const arriveLate = (): void => {
      cluster.liveness.disturb();
      arrive();
    };
    if (waits) awaitLaterTerm(scene, parcel, arriveLate);
    else cluster.clock.setTimer(lateMs, arriveLate);
    return true;
  });
  scene.lasts(electionTimeoutMs * electionsMax, end);
  return `a ${type}, ${waits ? 'to a later term' : `${lateMs.toFixed(0)} ms`}`;
};

function awaitLaterTerm({ cluster, dice }: FaultScene, { type, to }: Parcel, arrive: () => void): void {
  const { electionTimeoutMs } = cluster.options;
  const endMs = cluster.clock.monotonicMs() + electionTimeoutMs * electionsMax;
  const since = stateOf(cluster, to)?.term ?? 0;
  const look = (): void => {
    const now = stateOf(cluster, to);
    const isLater = now !== undefined && now.term > since && (now.leads || !toLeaders.includes(type));
    if (isLater || cluster.clock.monotonicMs() >= endMs) arrive();
    else cluster.clock.setTimer(dice.ms(1, electionTimeoutMs / 2), look);
  };
  look();
}

function stateOf(
  cluster: Cluster,
  id: Parcel['to'],
): { readonly term: number; readonly leads: boolean } | undefined {
  const raft = cluster.find(id)?.life?.parts?.raft;
  return raft === undefined ? undefined : { term: raft.term, leads: raft.role === 'leader' };
}
