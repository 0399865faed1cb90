/** Values up to this are taken whole, and checked, also by who wants little of them. */
export const smallValueSizeBytesMax = 16 * 1024;

/** The begin of a large value as it is stored. */
export class LargeValueHead {
  readonly bytes: Uint8Array;
  /** Of all that is stored. */
  readonly storedSizeBytes: number;

  constructor(bytes: Uint8Array, storedSizeBytes: number) {
    this.bytes = bytes;
    this.storedSizeBytes = storedSizeBytes;
  }
}

/**
 * Takes stored values for reads that want little of them. lmdb-js copies a value into a buffer of its own, then out of
 * that: the second copy and the sum, which a large value's time goes to, are left out here.
 */
export const headEncoder = {
  decode(buffer: Uint8Array, sizeBytes: number): Uint8Array | LargeValueHead {
    const isSmall = sizeBytes <= smallValueSizeBytesMax;
    // The buffer is a Buffer, whose own slice() makes no copy.
    const bytes = Uint8Array.prototype.slice.call(buffer, 0, isSmall ? sizeBytes : smallValueSizeBytesMax);
    return isSmall ? bytes : new LargeValueHead(bytes, sizeBytes);
  },
  encode(): never {
    throw new Error('heads of values are only read');
  },
};
