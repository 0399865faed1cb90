import type { LeaseId, Revision } from '../../base/ids.js';

/** What clients can ask of the keys. Encoded by key-command-codec.ts. */
export type KeyCommand =
  | {
      readonly type: 'put';
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly lease: LeaseId;
      /** Answer with the pair as it was before. */
      readonly previous: boolean;
      /** Does something only if this is the key's mod revision, 0: if there is no such key. undefined: always. */
      readonly expectedModRevision?: Revision | undefined;
    }
  | {
      readonly type: 'delete-range';
      readonly key: Uint8Array;
      /** Exclusive; undefined: the one key. */
      readonly end: Uint8Array | undefined;
      readonly previous: boolean;
      /** As of `put`; for one key alone. */
      readonly expectedModRevision?: Revision | undefined;
    }
  | { readonly type: 'compact'; readonly revision: Revision };

/** One key with its newest or an older value. Revisions as in etcd. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 for the first put after creation. */
  readonly version: number;
  readonly lease: LeaseId;
}

/** The answer to one command. `revision` is the store's after it. */
export type KeyResult =
  | {
      readonly type: 'put';
      readonly revision: Revision;
      readonly previous: KeyValue | undefined;
    }
  | {
      readonly type: 'delete-range';
      readonly revision: Revision;
      readonly deletedCount: number;
      readonly previous: readonly KeyValue[];
    }
  /** The key's mod revision, 0: there is no such key, is not the one that was expected; nothing was changed. */
  | { readonly type: 'not-expected'; readonly revision: Revision; readonly modRevision: Revision }
  | { readonly type: 'compact'; readonly revision: Revision };
