import type { Bounds } from '../bounds.js';
import type { Attacker } from './attacker.js';

export interface Attack {
  readonly name: string;
  /** What is done, in a sentence without a subject. */
  readonly does: string;
  /** How long a test of it takes; unless told `attackSeconds`. */
  readonly seconds?: number;
  /** Where this one is allowed more than others, or less. */
  readonly bounds?: Partial<Bounds>;
  /** Whether honest clients upload values of the largest size meanwhile: they look like those who hoard. */
  readonly besideUploads?: boolean;
  /** Does it until the time is over. */
  readonly run: (attacker: Attacker) => Promise<void>;
}

/** As long as the longest election time-out, in which an office is lost; short enough for a test. */
export const attackSeconds = 2;

/** Keys that each cluster under attack has; see `scene.ts`. */
export const stored = {
  /** Pairs whose keys begin with `small/`; several pages of a range. */
  smallPairs: 2000,
  smallValueBytes: 100,
  largePairs: 24,
  largeValueBytes: 1024 * 1024,
} as const;

export const smallKey = (at: number): string => `small/${String(at).padStart(6, '0')}`;
export const largeKey = (at: number): string => `large/${String(at).padStart(6, '0')}`;
