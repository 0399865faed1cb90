import { compareBytes, keyAfter } from '../../base/bytes.js';

export interface KeyBounds {
  readonly start: Uint8Array | undefined;
  /** Exclusive. */
  readonly end: Uint8Array | undefined;
}

/** Of a range as clients name it: an `end` of one zero byte is the end of the key space (as in etcd). */
export function toBounds(key: Uint8Array, end: Uint8Array): KeyBounds {
  if (end.length === 1 && end[0] === 0) return { start: key, end: undefined };
  return { start: key, end: compareBytes(end, key) < 0 ? key : end };
}

/** What is left of the bounds behind `key`, in the direction of travel. Its bytes are copied. */
export function boundsBehind({ start, end }: KeyBounds, key: Uint8Array, reverse: boolean): KeyBounds {
  return reverse ? { start, end: key.slice() } : { start: keyAfter(key), end };
}

export function isEmpty({ start, end }: KeyBounds): boolean {
  return start !== undefined && end !== undefined && compareBytes(start, end) >= 0;
}
