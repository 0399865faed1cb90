import { answerMutants } from './answers.js';
import { keyMutants } from './keys.js';
import { levelMutants } from './level.js';
import { logMemoryMutants } from './log-memory.js';
import { memberMutants } from './member.js';
import { mendedMutants } from './mended.js';
import { moveMutants } from './moves.js';
import type { Mutant, WaitingMutant } from './mutant.js';
import { orderMutants } from './order.js';
import { raftMutants } from './raft.js';
import { stateMutants } from './state.js';
import { storageMutants } from './storage.js';
import { successionMutants } from './succession.js';
import { transferMutants } from './transfers.js';

/** Every deliberate fault. */
export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...memberMutants,
  ...storageMutants,
  ...transferMutants,
  ...stateMutants,
  ...keyMutants,
  ...levelMutants,
  ...answerMutants,
  ...successionMutants,
  ...orderMutants,
  ...logMemoryMutants,
  ...moveMutants,
  ...mendedMutants,
];

/** Faults that cannot be made yet. */
export const waitingMutants: readonly WaitingMutant[] = [
  { name: 'snapshot that forgets the leases', feature: 'leases' },
  { name: 'compaction past the slowest watcher', feature: 'watch' },
  { name: 'watch that travels back in time (etcd #15271)', feature: 'watch' },
  { name: 'transaction that sees half of another', feature: 'transactions' },
];
