import type { LevelRange } from '../../base/feature-levels.js';
import type { MemberId } from '../../base/ids.js';

/** A member as the cluster knows it; the replicated member table. */
export interface MemberRecord {
  readonly id: MemberId;
  /** The operator's `-id`; unique; empty until the member has started when it was added by id alone. */
  readonly name: string;
  /** host:port of the Raft port; unique. */
  readonly peerAddress: string;
  /** host:port of the client port; empty until the member has published it. */
  readonly clientAddress: string;
  /** Promoted to voter as soon as it has caught up. */
  readonly promoteWhenReady: boolean;
  /** The feature levels that it can live with: as it said when it joined, then as it publishes. */
  readonly levels: LevelRange;
}

/** Rides in ConfigChange.context: what the change does to the member table. */
export type MembershipUpdate =
  | { readonly type: 'add'; readonly record: MemberRecord }
  /** The id is never admitted again. */
  | { readonly type: 'remove'; readonly id: MemberId }
  | { readonly type: 'promote'; readonly id: MemberId };
