import type { FeatureLevel, LevelRange } from '../base/feature-levels.js';
import type { LeaseId, MemberId, Revision } from '../base/ids.js';

/** What clients can ask the replicated state machine to do. Encoded by command-codec.ts. */
export type Command =
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
  | { readonly type: 'compact'; readonly revision: Revision }
  /** A member makes its attributes known after it started (etcd: publish). */
  | {
      readonly type: 'publish';
      readonly id: MemberId;
      readonly name: string;
      readonly clientAddress: string;
      readonly levels: LevelRange;
    }
  /** The cluster's formats may be those of this level from here on, if every member knows it. */
  | { readonly type: 'raise-level'; readonly level: FeatureLevel }
  /** A member moved: its Raft port is elsewhere now. */
  | { readonly type: 'change-address'; readonly id: MemberId; readonly peerAddress: string };

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
export type CommandResult =
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
  | { readonly type: 'compact'; readonly revision: Revision }
  | { readonly type: 'publish'; readonly revision: Revision }
  /** `level`: as it is now, raised or not. */
  | { readonly type: 'raise-level'; readonly revision: Revision; readonly level: FeatureLevel }
  | { readonly type: 'change-address'; readonly revision: Revision }
  /** Refused by the state machine, deterministically; nothing was changed. */
  | {
      readonly type: 'refused';
      readonly revision: Revision;
      readonly code:
        'REVISION_COMPACTED' | 'REVISION_IN_FUTURE' | 'MEMBER_NOT_FOUND' | 'MEMBER_ADDRESS_TAKEN';
      readonly message: string;
    };

/**
 * What one `normal` entry carries: the commands of one turn of one member.
 * (proposer, sequence) tells the proposing member which of its waiting calls the entry answers.
 */
export interface CommandBatch {
  /** Random per process start, so that an earlier life's entries answer nobody. */
  readonly proposer: bigint;
  readonly sequence: number;
  readonly commands: readonly Command[];
}
