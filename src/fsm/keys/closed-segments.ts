import { assert } from '../../base/assert.js';
import type { Work } from '../../base/work.js';
import type { BackendReader, Row } from '../../ports/backend.js';
import type { StateLimits } from './limits.js';
import { isBefore, isSamePlace, placeKey, readPlace, readUint32, type Place } from './rows.js';
import { chargeRow } from './row-cost.js';
import { changeAt, changesIn, type Change } from './segment.js';
import { SegmentIndex } from './segment-index.js';

/** What a look-up in a segment at hand touches: the index, and a few changes. */
export const lookUpSizeBytes = 1024;

interface HeldSegment {
  readonly first: Place;
  readonly last: Place;
  readonly bytes: Uint8Array;
  readonly index: SegmentIndex;
  /** One change that is longer than a segment, of which only the begin is held. */
  readonly cut: boolean;
}

/** Finds changes in segments that no longer grow. The last ones are held, so that a chain's next link is near. */
export class ClosedSegments {
  readonly #backend: BackendReader;
  /** Of a segment of several changes. */
  readonly #sizeBytesMax: number;
  readonly #heldMax: number;
  /** By place. */
  readonly #held: HeldSegment[] = [];
  #lookUps = 0;

  constructor(
    backend: BackendReader,
    limits: Pick<StateLimits, 'revisionSegmentSizeBytesMax' | 'segmentsHeldMax'>,
  ) {
    this.#backend = backend;
    this.#sizeBytesMax = limits.revisionSegmentSizeBytesMax;
    this.#heldMax = limits.segmentsHeldMax;
  }

  /**
   * The change at `place`, unless it was removed.
   * @param wantedSizeBytes from the change's begin; what is behind may be missing
   */
  find(place: Place, wantedSizeBytes: number, work: Work): Change | undefined {
    const segment = this.#heldWith(place) ?? this.#load(place, work);
    if (segment === undefined) return undefined;
    work.touch(lookUpSizeBytes);
    this.#lookUps++;
    if (!segment.cut) return segment.index.find(segment.bytes, place);
    if (!isSamePlace(segment.first, place)) return undefined;
    if (wantedSizeBytes <= segment.bytes.length) return changeAt(segment.bytes, 0, place);
    return this.#findWhole(place, work);
  }

  /** It was removed from the backend, and must not be found any more. */
  removed(first: Place): void {
    const at = this.#lowerBound(first);
    const segment = this.#held[at];
    if (segment !== undefined && isSamePlace(segment.first, first)) this.#held.splice(at, 1);
  }

  clear(): void {
    this.#held.length = 0;
  }

  #heldWith(place: Place): HeldSegment | undefined {
    const at = this.#lowerBound({ revision: place.revision, sub: place.sub + 1 });
    const segment = this.#held[at - 1];
    return segment === undefined || isBefore(segment.last, place) ? undefined : segment;
  }

  /** The first of those held that does not begin before `place`. */
  #lowerBound(place: Place): number {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(this.#held[middle]!.first, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #load(place: Place, work: Work): HeldSegment | undefined {
    const row = this.#row(place, this.#sizeBytesMax, work);
    if (row === undefined) return undefined;
    const first = readPlace(row.key, 0);
    const sizeBytes = row.wholeSizeBytes ?? row.value.length;
    const cut = sizeBytes > this.#sizeBytesMax && readUint32(row.value, 0) === sizeBytes;
    // Longer though there are several: it was written when segments were allowed to be.
    const whole = cut || row.wholeSizeBytes === undefined ? row : this.#row(place, undefined, work);
    assert(whole !== undefined, 'nothing is written between two reads');
    const bytes = cut ? whole.value.slice(0, this.#sizeBytesMax) : whole.value.slice();
    const index = new SegmentIndex();
    if (!cut) index.extend(bytes);
    const segment = { first, last: cut ? first : index.last(bytes), bytes, index, cut };
    this.#hold(segment);
    return segment;
  }

  #hold(segment: HeldSegment): void {
    const held = this.#held;
    // Any one: where chain after chain goes over more than are held, the oldest is the one that is needed next.
    if (held.length >= this.#heldMax)
      held.splice((Math.imul(this.#lookUps, 0x9e37_79b1) >>> 0) % held.length, 1);
    held.splice(this.#lowerBound(segment.first), 0, segment);
  }

  #findWhole(place: Place, work: Work): Change | undefined {
    const row = this.#row(place, undefined, work);
    for (const change of row === undefined ? [] : changesIn(row.value, place)) return change;
    return undefined;
  }

  /** The last segment that begins at or before `place`. */
  #row(place: Place, valueBytesMax: number | undefined, work: Work): Row | undefined {
    const end = placeKey({ revision: place.revision, sub: place.sub + 1 });
    for (const row of this.#backend.range('revisions', { end, reverse: true, valueBytesMax })) {
      chargeRow(work, row, valueBytesMax ?? Infinity);
      return row;
    }
    return undefined;
  }
}
