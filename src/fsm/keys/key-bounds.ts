import { compareBytes } from '../../base/bytes.js';

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
