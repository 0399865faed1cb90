import { assert } from '../../base/assert.js';
import { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import { ClosedSegments, lookUpSizeBytes } from './closed-segments.js';
import type { StateLimits } from './limits.js';
import { isBefore, placeKey, readPlace, type Place } from './rows.js';
import {
  changesIn,
  changeSizeBytes,
  lastChange,
  placeOfChange,
  writeChange,
  type Change,
  type NewChange,
} from './segment.js';
import { SegmentIndex } from './segment-index.js';

/** The segment that still grows. What is written of it stays as it is: only bytes behind it are added. */
interface OpenSegment {
  readonly key: Uint8Array;
  readonly first: Place;
  readonly bytes: Uint8Array;
  /** Of what somebody looked for something in. */
  readonly index: SegmentIndex;
  usedSizeBytes: number;
  savedSizeBytes: number;
}

/**
 * Every change since the last compaction in the order in which it happened, many of them in one row of the table
 * `revisions`, by the place of the first. Where segments end depends on the changes alone, so that all members
 * have the same.
 */
export class RevisionLog {
  readonly #backend: Backend;
  readonly #segmentSizeBytesMax: number;
  /** As of StateLimits. */
  readonly versionsPerEntry: number;
  readonly #closed: ClosedSegments;
  #open: OpenSegment | undefined;
  #appended = 0;
  /** Place of the last change that was removed in this life: none is left up to it. */
  #removed: Place = { revision: 0, sub: 0 };

  constructor(
    backend: Backend,
    limits: Pick<StateLimits, 'revisionSegmentSizeBytesMax' | 'segmentsHeldMax' | 'versionsPerEntry'>,
  ) {
    this.#backend = backend;
    this.versionsPerEntry = limits.versionsPerEntry;
    this.#segmentSizeBytesMax = limits.revisionSegmentSizeBytesMax;
    this.#closed = new ClosedSegments(backend, limits);
  }

  /** Takes over what the backend holds now. */
  reload(): void {
    this.#closed.clear();
    this.#open = undefined;
    this.#removed = { revision: 0, sub: 0 };
    for (const { key, value } of this.#backend.range('revisions', { reverse: true })) {
      this.#open = this.#begin(readPlace(key, 0), value.length);
      this.#open.bytes.set(value);
      this.#open.usedSizeBytes = this.#open.savedSizeBytes = value.length;
      return;
    }
  }

  /** Changes, in this life. */
  get appended(): number {
    return this.#appended;
  }

  /** @returns the version's row, which stays as it is */
  append(change: NewChange): Uint8Array {
    const sizeBytes = changeSizeBytes(change);
    const full = this.#open;
    let open = full;
    if (open === undefined || open.usedSizeBytes + sizeBytes > open.bytes.length) {
      open = this.#begin(change.record.mod, sizeBytes);
    }
    const rowAt = writeChange(open.bytes, open.usedSizeBytes, change);
    open.usedSizeBytes += sizeBytes;
    this.#appended++;
    // Not before: the change may have bytes that the backend gave, good until the next write.
    if (full !== open && full !== undefined) this.#save(full);
    this.#open = open;
    return open.bytes.subarray(rowAt, open.usedSizeBytes);
  }

  #begin(first: Place, sizeBytes: number): OpenSegment {
    assert(first.revision > 0, 'changes begin behind the empty store');
    const bytes = new Uint8Array(Math.max(this.#segmentSizeBytesMax, sizeBytes));
    const index = new SegmentIndex();
    return { key: placeKey(first), first, bytes, index, usedSizeBytes: 0, savedSizeBytes: 0 };
  }

  /** Before the backend's commit: what was appended goes with it. */
  save(): void {
    if (this.#open !== undefined) this.#save(this.#open);
  }

  #save(segment: OpenSegment): void {
    if (segment.savedSizeBytes === segment.usedSizeBytes) return;
    this.#backend.put('revisions', segment.key, segment.bytes.subarray(0, segment.usedSizeBytes));
    segment.savedSizeBytes = segment.usedSizeBytes;
  }

  /** Changes from `place` on, in order. Nothing may be written meanwhile. */
  *since(place: Place): Generator<Change> {
    for (const segment of this.segments(place)) yield* changesIn(segment, place);
  }

  /** Those that have them. The first one has earlier changes too, and nothing may be written meanwhile. */
  *segments(from: Place): Generator<Uint8Array> {
    const open = this.#open;
    if (open === undefined) return;
    if (isBefore(from, open.first)) {
      const start = this.#closedAt(from);
      for (const { value } of this.#backend.range('revisions', { start, end: open.key })) yield value;
    }
    yield open.bytes.subarray(0, open.usedSizeBytes);
  }

  /**
   * The change at `place`, unless it was removed.
   * @param wantedSizeBytes from the change's begin; what is behind may be missing
   */
  find(place: Place, wantedSizeBytes = Infinity, work = Work.unbounded()): Change | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    // Rows that are removed and not yet on disk would be passed over, all of them.
    if (!isBefore(this.#removed, place)) return undefined;
    if (isBefore(place, open.first)) return this.#closed.find(place, wantedSizeBytes, work);
    work.touch(lookUpSizeBytes);
    const segment = open.bytes.subarray(0, open.usedSizeBytes);
    open.index.extend(segment);
    return open.index.find(segment, place);
  }

  /** Key of the segment that has the change at `place`, if any closed one has it. */
  #closedAt(place: Place): Uint8Array | undefined {
    const end = placeKey({ revision: place.revision, sub: place.sub + 1 });
    for (const row of this.#backend.range('revisions', { end, reverse: true, valueBytesMax: 0 })) {
      return row.key;
    }
    return undefined;
  }

  /** The oldest segment, unless it still grows. Its bytes are good until something is written. */
  oldestClosed(): { readonly bytes: Uint8Array; readonly last: Place; remove(): void } | undefined {
    const end = this.#open?.key;
    if (end === undefined) return undefined;
    // Behind what was removed before, which may be on disk still and would be passed over.
    const { revision, sub } = this.#removed;
    const start = revision === 0 ? undefined : placeKey({ revision, sub: sub + 1 });
    for (const { key, value } of this.#backend.range('revisions', { start, end })) {
      const own = key.slice();
      const last = placeOfChange(value, lastChange(value));
      const remove = (): void => {
        this.#backend.delete('revisions', own);
        this.#closed.removed(readPlace(own, 0));
        this.#removed = last;
      };
      return { bytes: value, last, remove };
    }
    return undefined;
  }
}
