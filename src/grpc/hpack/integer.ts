import { HpackError } from './error.js';

/**
 * Octets behind the prefix: 28 bits, more than any index, length or table size that we take, and safe from
 * overflow (RFC 7541, section 5.1, asks for such a limit).
 */
export const integerTailOctetsMax = 4;

/** A place in a header block; the readers move `at`. */
export class BlockReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /**
   * Reads an integer (RFC 7541, section 5.1).
   * @param mask of the prefix in the octet at `at`: 2^N - 1
   */
  integer(mask: number): number {
    const prefix = this.bytes[this.at++]! & mask;
    if (prefix < mask) return prefix;
    let value = mask;
    for (let shift = 0; shift < 7 * integerTailOctetsMax; shift += 7) {
      if (this.at >= this.end) throw new HpackError('the block ends within an integer');
      const octet = this.bytes[this.at++]!;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    throw new HpackError(`an integer of more than ${integerTailOctetsMax + 1} octets`);
  }
}

/**
 * Writes an integer (RFC 7541, section 5.1).
 * @param mask of the prefix: 2^N - 1
 * @param flags the bits before the prefix
 * @returns the place behind it; `bytes` must have room for six octets
 */
export function writeInteger(
  bytes: Uint8Array,
  at: number,
  mask: number,
  flags: number,
  value: number,
): number {
  if (value < mask) {
    bytes[at] = flags | value;
    return at + 1;
  }
  let next = at;
  bytes[next++] = flags | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}
