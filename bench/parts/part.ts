import type { System } from '../harness/system.js';
import type { Figures } from '../report/figures.js';

/** How long and how often the parts measure. */
export interface Effort {
  readonly rounds: number;
  readonly roundSeconds: number;
  readonly warmUpSeconds: number;
  readonly kills: number;
  /** Pairs that are loaded by part `keys`. */
  readonly keys: number;
  /** Of each cluster of part `stalls`. */
  readonly stalledMembers: number;
  /** The loads that say most, instead of all. */
  readonly short: boolean;
}

export const fullEffort: Effort = {
  rounds: 5,
  roundSeconds: 2,
  warmUpSeconds: 2,
  kills: 10,
  keys: 1_000_000,
  stalledMembers: 3,
  short: false,
};

export const shortEffort: Effort = {
  rounds: 3,
  roundSeconds: 0.7,
  warmUpSeconds: 1,
  kills: 3,
  keys: 100_000,
  stalledMembers: 3,
  short: true,
};

export interface Run {
  /** The first is compared with the others. */
  readonly systems: readonly System[];
  readonly effort: Effort;
  readonly figures: Figures;
  /** Shows what goes on. */
  tell(line: string): void;
}

export interface Part {
  readonly name: string;
  readonly summary: string;
  /** Whether a short run has it unless it is asked for by name. */
  readonly inShort: boolean;
  run(run: Run): Promise<void>;
}
