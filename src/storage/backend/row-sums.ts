import { crc32 } from 'node:zlib';
import { readUint32, writeUint32 } from '../../base/bytes.js';
import { crc32c } from '../../base/crc32c.js';
import { Slab } from '../../base/slab.js';

/** What stands behind each value in the database. */
export const rowSumSizeBytes = 4;

const slab = new Slab();

/** The value with the sum of its row behind it. LMDB's pages have no checksums of their own. */
export function withSum(key: Uint8Array, value: Uint8Array): Uint8Array {
  const stored = slab.take(value.length + rowSumSizeBytes);
  stored.set(value);
  writeUint32(stored, value.length, rowSum(key, value));
  return stored;
}

/** @returns the value, a view into `stored`; undefined: key, value or sum are not what was written */
export function checkedValue(key: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
  const end = stored.length - rowSumSizeBytes;
  if (end < 0) return undefined;
  const value = stored.subarray(0, end);
  return readUint32(stored, end) === rowSum(key, value) ? value : undefined;
}

/** Over the key too: a row that stands where another belongs is not right either. The native sum is for the longer part. */
function rowSum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32c(key));
}
