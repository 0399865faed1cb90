/**
 * Bounds of the state. The first three say what entries make of the state or are answered with: they are the same at all
 * members, and for as long as the state lives.
 */
export interface StateLimits {
  /** Bytes of changes that the state keeps in one row. See DESIGN.md; a larger change has a row of its own. */
  readonly revisionSegmentSizeBytesMax: number;
  /** One in so many versions of a key has an entry in `history`: the way from an entry to any version is no longer. */
  readonly versionsPerEntry: number;
  /** Of the pairs that the deletion of a range answers with. */
  readonly previousSizeBytesMax: number;
  /** Segments that are held for the next look-up, 8 MiB: a chain of 64 links passes as many, and the next key's mostly the same. */
  readonly segmentsHeldMax: number;
  /** Reads that go on over several turns; each has a revision that is kept for it. */
  readonly pinnedRevisionsMax: number;
  /** An entry of so few commands on one key each is applied in one slice. */
  readonly smallEntryCommandsMax: number;
  /** Entries of one key in `history` that are walked over; what more there are is jumped over. */
  readonly entriesWalkedMax: number;
  /** Of the newest version, where a read of the past may not want it: a longer one is read again where it does. */
  readonly pastValueSizeBytesMax: number;
}

export const stateDefaults: StateLimits = {
  // Four pages of the database, less its header before them and the sum behind them.
  revisionSegmentSizeBytesMax: 4 * 4096 - 16 - 4,
  versionsPerEntry: 64,
  previousSizeBytesMax: 16 * 1024 * 1024,
  segmentsHeldMax: 512,
  pinnedRevisionsMax: 4096,
  smallEntryCommandsMax: 64,
  entriesWalkedMax: 4,
  pastValueSizeBytesMax: 4096,
};
