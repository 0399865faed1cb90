import type { Revision } from '../base/ids.js';
import type { KeyValue } from './command.js';

export interface RangeQuery {
  readonly key: Uint8Array;
  /** Exclusive; undefined: the one key. A single zero byte: to the end of the key space (as in etcd). */
  readonly end?: Uint8Array | undefined;
  /** 0: newest. */
  readonly revision: Revision;
  /** 0: no limit. */
  readonly limit: number;
  /** The answer ends before the pair that would exceed it, never before the first. */
  readonly sizeBytesMax?: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  /** Looks no further than the answer goes, so that a page costs its own length: `count` is of the page then. */
  readonly pageOnly?: boolean;
  /**
   * Work (base/work.ts) of the whole read, of which the answer says how far it has come: it ends between two keys, behind
   * the first one at the earliest. Undefined: to the end of the range.
   */
  readonly unitsMax?: number | undefined;
}

/** A range of keys, not a single one. */
export type KeyRangeQuery = RangeQuery & { readonly end: Uint8Array };

export function isKeyRange(query: RangeQuery): query is KeyRangeQuery {
  return query.end !== undefined;
}

export interface RangeAnswer {
  readonly items: readonly KeyValue[];
  /** Keys in the whole range, whatever the limit; see `pageOnly`. */
  readonly count: number;
  readonly more: boolean;
  /** Of the store when the read began; what it shows without a revision of its own is the store as of it. */
  readonly revision: Revision;
  /** Where the next page goes on, if this one has ended before the range: its `key`, in reverse its `end`. */
  readonly next?: Uint8Array | undefined;
}
