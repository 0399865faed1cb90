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
}

export interface RangeAnswer {
  readonly items: readonly KeyValue[];
  /** Keys in the whole range, whatever the limit; see `pageOnly`. */
  readonly count: number;
  readonly more: boolean;
  /** Of the store at the time of the read. */
  readonly revision: Revision;
}
