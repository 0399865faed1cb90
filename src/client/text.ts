import { KvorumError, type ErrorCode } from '../base/errors.js';

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const loneSurrogate = /\p{Surrogate}/u;

/**
 * The UTF-8 of a text; bytes as they are.
 *
 * @throws KvorumError with `code` for a text that has no UTF-8 (half of a surrogate pair)
 */
export function toBytes(code: ErrorCode, field: string, given: string | Uint8Array): Uint8Array {
  if (typeof given !== 'string') {
    if (given instanceof Uint8Array) return given;
    throw new KvorumError(code, `${field} must be a string or a Uint8Array`);
  }
  if (loneSurrogate.test(given)) throw new KvorumError(code, `${field} holds half of a surrogate pair`);
  return Buffer.from(given);
}

/** @throws KvorumError INVALID_VALUE for bytes that are no UTF-8 */
export function valueToText(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch (cause) {
    throw new KvorumError('INVALID_VALUE', 'the value is not valid UTF-8: read it with getBytes', { cause });
  }
}

/** The first key that does not begin with `prefix`; empty: there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix[length - 1]!;
    if (last === 0xff) continue;
    // Not slice(): a Buffer's slice() is a view, and the prefix is the caller's.
    const end = new Uint8Array(prefix.subarray(0, length));
    end[length - 1] = last + 1;
    return end;
  }
  return new Uint8Array(0);
}

/** The key right after `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
