import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import {
  isBeforeAt,
  placeSizeBytes,
  readPlace,
  readUint32,
  readUint53,
  versionHeadSizeBytes,
  versionNumberAt,
  versionPlaceAt,
  versionSizeBytes,
  writePlace,
  writeUint32,
  writeVersion,
  type Place,
  type VersionRecord,
} from './rows.js';

/** A change as it is recorded. */
export interface NewChange {
  readonly key: Uint8Array;
  /** What the key became. Its `mod` is the change's place. */
  readonly record: VersionRecord;
  /** Of the version that it ended; revision 0: there was none. */
  readonly previous: Place;
}

/** A change as it is found again. Its bytes are views into the segment. */
export interface Change {
  readonly place: Place;
  readonly key: Uint8Array;
  /** The key's version from here on; a tombstone if it was deleted. */
  readonly row: Uint8Array;
  readonly previous: Place;
}

/** 4 bytes size of it all, 4 of the key, then the place of the previous version. Key and row follow. */
const headSizeBytes = 8 + placeSizeBytes;

export function changeSizeBytes({ key, record }: NewChange): number {
  return headSizeBytes + key.length + versionSizeBytes(record);
}

/** Into zeros. @returns where the version's row begins; it ends with the change */
export function writeChange(bytes: Uint8Array, at: number, change: NewChange): number {
  const { key, record, previous } = change;
  writeUint32(bytes, at, changeSizeBytes(change));
  writeUint32(bytes, at + 4, key.length);
  writePlace(bytes, at + 8, previous);
  bytes.set(key, at + headSizeBytes);
  const rowAt = at + headSizeBytes + key.length;
  writeVersion(bytes, rowAt, record);
  return rowAt;
}

/** Of a change, from its begin: what tells the place of the previous version. */
export const linkSizeBytes = headSizeBytes;

/** Of a change, from its begin: what tells all but the value. */
export function changeHeadSizeBytes(key: Uint8Array): number {
  return headSizeBytes + key.length + versionHeadSizeBytes;
}

/** Changes of a segment, in order, from `from` on. */
export function* changesIn(segment: Uint8Array, from: Place): Generator<Change> {
  for (let at = firstChange(segment, from); at < segment.length; at = changeEnd(segment, at)) {
    yield changeAt(segment, at, placeOfChange(segment, at));
  }
}

/** Where the first change that is not before `from` begins; the end, if there is none. */
export function firstChange(segment: Uint8Array, from: Place): number {
  let at = 0;
  while (at < segment.length && isBeforeAt(segment, changePlaceAt(segment, at), from)) {
    at = changeEnd(segment, at);
  }
  return at;
}

/** Where the last change begins. */
export function lastChange(segment: Uint8Array): number {
  let at = 0;
  for (let end = changeEnd(segment, at); end < segment.length; end = changeEnd(segment, at)) at = end;
  return at;
}

export function changeEnd(segment: Uint8Array, at: number): number {
  const end = at + readUint32(segment, at);
  assert(end > at && end <= segment.length, 'a segment ends with a whole change');
  return end;
}

/** Where the place of the change that begins at `at` stands. */
export function changePlaceAt(segment: Uint8Array, at: number): number {
  return at + headSizeBytes + readUint32(segment, at + 4) + versionPlaceAt;
}

export function placeOfChange(segment: Uint8Array, at: number): Place {
  return readPlace(segment, changePlaceAt(segment, at));
}

/** The revision of the version that the change at `at` ended; 0: there was none. */
export function previousRevision(segment: Uint8Array, at: number): Revision {
  return readUint53(segment, at + 8);
}

/** How many versions its key had with the change at `at`; 0: it was deleted. */
export function versionOfChange(segment: Uint8Array, at: number): number {
  return readUint53(segment, at + headSizeBytes + readUint32(segment, at + 4) + versionNumberAt);
}

/** @param segment may end before the change does: so do key and row then */
export function changeAt(segment: Uint8Array, at: number, place: Place): Change {
  const rowAt = at + headSizeBytes + readUint32(segment, at + 4);
  return {
    place,
    key: segment.subarray(at + headSizeBytes, rowAt),
    row: segment.subarray(rowAt, at + readUint32(segment, at)),
    previous: readPlace(segment, at + 8),
  };
}
