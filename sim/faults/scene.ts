import type { Cluster } from '../cluster.js';
import type { Dice } from '../dice.js';
import type { Machine } from '../machine.js';

/** What a fault acts on. */
export interface FaultScene {
  readonly cluster: Cluster;
  /** This fault's own chance: faults that are left out change nothing for the others. */
  readonly dice: Dice;
  /** Begins something that ends by itself after `ms`, or when all faults end. */
  lasts(ms: number, end: () => void): void;
}

/** @returns what it did, for the trace; undefined if there was nothing to do it to */
export type Fault = (scene: FaultScene) => string | undefined;

/** One that runs, the leader more often than by chance; undefined if none does. */
export function someRunning({ cluster, dice }: FaultScene): Machine | undefined {
  const running = cluster.running();
  if (running.length === 0) return undefined;
  return (dice.chance(0.4) ? cluster.leader() : undefined) ?? dice.pick(running);
}
