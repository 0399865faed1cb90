import type { RandomSource } from '../../../src/base/prng.js';
import type { KvorumClient } from '../../../src/client/index.js';
import type { ClusterMember } from '../../system/processes/cluster-member.js';
import type { SmallDisk } from '../small-disk.js';
import type { Switch } from './virtual-network.js';

/** Where faults happen. Machine n is that of `members[n - 1]`, which keeps its data on `disks[n - 1]`. */
export interface Scene {
  readonly members: readonly ClusterMember[];
  readonly disks: readonly SmallDisk[];
  readonly net: Switch;
  readonly random: RandomSource;
  /** The machine of who leads when the fault begins. */
  readonly leader: number;
  /** The clock of this machine reads what stands in the file. */
  readonly clockFiles: ReadonlyMap<number, string>;
  /** Knows all members. */
  readonly client: KvorumClient;
  readonly tell: (line: string) => void;
}

/** Ends what a fault began. */
export type End = () => Promise<void>;

/** Begins something bad, and gives the way to end it. */
export type Fault = (scene: Scene) => Promise<End>;
