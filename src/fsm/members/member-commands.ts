import type { MemberId, Revision } from '../../base/ids.js';

/** What members say of themselves, besides the changes of the configuration. Encoded by member-command-codec.ts. */
export type MemberCommand =
  /** A member makes its attributes known after it started (etcd: publish). */
  | {
      readonly type: 'publish';
      readonly id: MemberId;
      readonly name: string;
      readonly clientAddress: string;
    }
  /** A member moved: its Raft port is elsewhere now. */
  | { readonly type: 'change-address'; readonly id: MemberId; readonly peerAddress: string };

export type MemberResult =
  | { readonly type: 'publish'; readonly revision: Revision }
  | { readonly type: 'change-address'; readonly revision: Revision };
