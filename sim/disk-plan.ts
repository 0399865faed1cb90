/** How the disks behave when nothing is wrong with them. */
export interface DiskPlan {
  readonly syncMsMin: number;
  readonly syncMsMax: number;
  /** Of operations that take their time before they have effect, and before they are reported. */
  readonly writeDelayProbability: number;
  readonly reportDelayProbability: number;
  /** What it takes besides, at most, to put a state in place that was brought by a snapshot. */
  readonly installMsMax: number;
  /** What it takes at most until a view of the state, which is fixed, is in the hands of who asked for it. */
  readonly viewMsMax: number;
  readonly flushIntervalMsMin: number;
  readonly flushIntervalMsMax: number;
  /** Changed keys of the state, which are flushed at once when they are so many; Infinity: never. */
  readonly flushKeysMax: number;
}
