import { assert } from '../../base/assert.js';
import {
  isBeforeAt,
  placeSizeBytes,
  readPlace,
  readUint32,
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

/** Changes of a segment, in order, from `from` on. */
export function* changesIn(segment: Uint8Array, from: Place): Generator<Change> {
  for (let at = 0; at < segment.length;) {
    const end = at + readUint32(segment, at);
    const rowAt = at + headSizeBytes + readUint32(segment, at + 4);
    assert(rowAt < end && end <= segment.length, 'a segment ends with a whole change');
    if (!isBeforeAt(segment, rowAt + versionPlaceAt, from)) {
      yield {
        place: readPlace(segment, rowAt + versionPlaceAt),
        key: segment.subarray(at + headSizeBytes, rowAt),
        row: segment.subarray(rowAt, end),
        previous: readPlace(segment, at + 8),
      };
    }
    at = end;
  }
}
