import { KvorumError } from './errors.js';

/**
 * How far the formats of a cluster have come: what may be written into its log, its state and its messages. Replicated,
 * and never lowered. A new command, message or table belongs to a level and is used from that level on.
 */
export type FeatureLevel = number;

/** The levels that one version of Kvorum can live with. */
export interface LevelRange {
  readonly min: FeatureLevel;
  readonly max: FeatureLevel;
}

/**
 * Only ever append: `test/formats/formats.test.ts` says what else is to be done. Whoever does keeps `min` of knownLevels
 * at or below the level before the newest.
 */
export const featureLevels = [
  { level: 1, name: 'first', brings: 'puts, deletes, conditions, compaction, members' },
] as const satisfies readonly {
  readonly level: FeatureLevel;
  readonly name: string;
  readonly brings: string;
}[];

export const firstLevel: FeatureLevel = featureLevels[0].level;

/** Of this version. */
export const knownLevels: LevelRange = {
  min: firstLevel,
  max: Math.max(...featureLevels.map((each) => each.level)),
};

/** What counts for a member that has said nothing. */
export const firstLevels: LevelRange = { min: firstLevel, max: firstLevel };

export function knowsLevel({ min, max }: LevelRange, level: FeatureLevel): boolean {
  return min <= level && level <= max;
}

export function sameLevels(one: LevelRange, other: LevelRange): boolean {
  return one.min === other.min && one.max === other.max;
}

/** `2`, or `1 to 2`. */
export function levelsText({ min, max }: LevelRange): string {
  return min === max ? String(max) : `${min} to ${max}`;
}

/** The highest level that all of them know; undefined: there is none. */
export function commonLevel(ranges: readonly LevelRange[]): FeatureLevel | undefined {
  if (ranges.length === 0) return undefined;
  const level = Math.min(...ranges.map(({ max }) => max));
  return ranges.every((range) => knowsLevel(range, level)) ? level : undefined;
}

/**
 * What encoders ask before they use something new. The level that was applied here is enough, whoever leads by the time
 * the entry is appended: the level never falls, and the entry that raised it is committed, so it stands in front of
 * whatever is appended after this.
 *
 * @param what for example `a lease`
 * @throws KvorumError FEATURE_NOT_ENABLED
 */
export function requireLevel(current: FeatureLevel, needed: FeatureLevel, what: string): void {
  if (current >= needed) return;
  throw new KvorumError(
    'FEATURE_NOT_ENABLED',
    `${what} needs feature level ${needed}, the cluster is at ${current}: it rises by itself once every member runs a version that knows ${needed} and none holds it back (kvorum status)`,
  );
}

/**
 * @param whose for example `this version of Kvorum`
 * @throws KvorumError VERSION_MISMATCH
 */
export function requireKnown(range: LevelRange, level: FeatureLevel, whose: string): void {
  if (knowsLevel(range, level)) return;
  const advice = level > range.max ? 'a newer version is needed' : 'an older version must raise it first';
  throw new KvorumError(
    'VERSION_MISMATCH',
    `the cluster is at feature level ${level}, ${whose} knows ${levelsText(range)}: ${advice}`,
  );
}
