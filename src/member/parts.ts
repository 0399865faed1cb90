import type { ClusterId, MemberId } from '../base/ids.js';
import type { FeatureLevel, LevelRange } from '../base/feature-levels.js';
import type { Log } from '../base/log.js';
import type { RandomSource } from '../base/prng.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Backend } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import type { Disk } from '../ports/disk.js';
import type { PeerAddress, Peers } from '../ports/peers.js';
import type { Raft } from '../raft/raft.js';
import type { Wal } from '../storage/wal/wal.js';
import type { MemberOptions } from './options.js';

/** Everything that one running member is made of. */
export interface MemberParts {
  readonly clusterId: ClusterId;
  /** Of the cluster; handed over to who joins through this member. */
  readonly secret: Uint8Array;
  readonly id: MemberId;
  readonly name: string;
  readonly version: string;
  /** host:port that clients use; made known to the cluster. */
  readonly clientAddress: string;
  /** host:port that members use. */
  readonly peerAddress: string;
  /** Where members are called in spite of the member table, by name; of this process alone. */
  readonly peerOverrides?: ReadonlyMap<string, PeerAddress>;
  /** Of the version that runs. */
  readonly levels: LevelRange;
  /** The operator lets the cluster go no further; Infinity: as far as it can. */
  readonly levelHeldMax: FeatureLevel;
  readonly options: MemberOptions;
  readonly raft: Raft;
  readonly machine: StateMachine;
  readonly backend: Backend;
  readonly wal: Wal;
  readonly disk: Disk;
  readonly peers: Peers;
  /** The disk no longer waits for what it cannot get now: the member ends. */
  readonly stopWaiting?: () => void;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
}

export type StopReason =
  | { readonly kind: 'requested' }
  /** Removed from the cluster; it must not start again with this data folder. */
  | { readonly kind: 'removed'; readonly message: string }
  | { readonly kind: 'failed'; readonly error: Error };
