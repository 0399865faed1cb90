import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { echoed } from '../base/echo.js';
import { KvorumError, type ErrorCode } from '../base/errors.js';
import type { KeyValue, TextKeyValue } from './results.js';

const loneSurrogate = /\p{Surrogate}/u;

/**
 * Bytes of a text in UTF-8, or of bytes.
 *
 * @throws KvorumError with `code` for a text that has no UTF-8 (half of a surrogate pair)
 */
export function utf8SizeBytes(code: ErrorCode, field: string, given: string | Uint8Array): number {
  if (typeof given !== 'string') {
    if (!types.isUint8Array(given)) throw new KvorumError(code, `${field} must be a string or a Uint8Array`);
    if (given.length === 0) checkAttached(code, field, given);
    return given.length;
  }
  const sizeBytes = Buffer.byteLength(given);
  // As many bytes as characters: ASCII.
  if (sizeBytes !== given.length && loneSurrogate.test(given)) {
    throw new KvorumError(code, `${field} holds half of a surrogate pair`);
  }
  return sizeBytes;
}

/** Bytes that were handed to another thread look like none. */
function checkAttached(code: ErrorCode, field: string, bytes: Uint8Array): void {
  try {
    bytes.at(0);
  } catch (cause) {
    throw new KvorumError(code, `${field} is a view of a buffer that was transferred`, { cause });
  }
}

/**
 * The UTF-8 of a text; bytes as they are.
 *
 * @throws KvorumError with `code` for a text that has no UTF-8
 */
export function toBytes(code: ErrorCode, field: string, given: string | Uint8Array): Uint8Array {
  utf8SizeBytes(code, field, given);
  return typeof given === 'string' ? Buffer.from(given) : given;
}

/** The same for a text and for the bytes of its UTF-8, another for each other content. */
export function contentId(given: string | Uint8Array): string {
  if (typeof given === 'string') return given;
  const bytes = asBuffer(given);
  // No text that has a UTF-8 begins with half of a surrogate pair.
  return isUtf8(bytes) ? bytes.toString() : `\ud800${bytes.toString('latin1')}`;
}

/** @throws KvorumError INVALID_VALUE for bytes that are no UTF-8 */
export function valueToText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return asBuffer(bytes).toString();
  throw new KvorumError('INVALID_VALUE', 'the value is not valid UTF-8: read it with getBytes');
}

/** @throws KvorumError INVALID_KEY or INVALID_VALUE for a pair that is no UTF-8 */
export function pairToText(pair: KeyValue): TextKeyValue {
  if (!isUtf8(pair.key)) {
    throw new KvorumError('INVALID_KEY', 'a key is not valid UTF-8: list it with listBytes');
  }
  const key = asBuffer(pair.key).toString();
  if (isUtf8(pair.value)) return { ...pair, key, value: asBuffer(pair.value).toString() };
  const shown = JSON.stringify(echoed(key));
  throw new KvorumError('INVALID_VALUE', `the value of ${shown} is not valid UTF-8: list it with listBytes`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
