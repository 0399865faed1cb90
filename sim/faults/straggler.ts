import type { Parcel } from '../../src/peer/memory-network.js';
import type { Fault } from './scene.js';

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

/** Of one kind, so many may pass before. */
const passMax = 4;

/** One message is late by several elections, while all else goes its way: it comes into another world. */
export const straggler: Fault = (scene) => {
  const { cluster, dice } = scene;
  const { electionTimeoutMs } = cluster.options;
  const type = dice.pick(types);
  const lateMs = electionTimeoutMs * dice.pick([0.5, 2, 5]) + dice.ms(0, electionTimeoutMs * 2);
  let pass = dice.below(passMax);
  const end = cluster.network.hold((parcel, arrive) => {
    if (parcel.type !== type || pass-- > 0) return false;
    end();
    cluster.trace(
      'fault',
      'fault',
      `${type} ${parcel.from}->${parcel.to} is late by ${lateMs.toFixed(0)} ms`,
    );
    cluster.clock.setTimer(lateMs, arrive);
    return true;
  });
  scene.lasts(electionTimeoutMs * 20, end);
  return `a ${type}, ${lateMs.toFixed(0)} ms`;
};
