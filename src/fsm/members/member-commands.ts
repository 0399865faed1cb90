import type { FeatureLevel, LevelRange } from '../../base/feature-levels.js';
import type { MemberId, Revision } from '../../base/ids.js';

/** What members say of themselves, besides the changes of the configuration. Encoded by member-command-codec.ts. */
export type MemberCommand =
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

export type MemberResult =
  | { readonly type: 'publish'; readonly revision: Revision }
  /** `level`: as it is now, raised or not. */
  | { readonly type: 'raise-level'; readonly revision: Revision; readonly level: FeatureLevel }
  | { readonly type: 'change-address'; readonly revision: Revision };
