import type { Log } from './base/log.js';
import { memberDefaults } from './member/options.js';

/** How one server is started. Times in milliseconds, sizes in bytes. */
export interface ServerOptions {
  /** The member's name, unique in the cluster. */
  readonly id: string;
  /** Address to listen on, for both ports. */
  readonly host: string;
  /** What members and clients elsewhere use to reach this one. */
  readonly advertiseHost: string;
  /** 0: any free one. */
  readonly grpcPort: number;
  readonly raftPort: number;
  readonly dataDir: string;
  /** Found a new cluster; a folder that holds one already is just started. */
  readonly bootstrap: boolean;
  /** Client addresses of members to join through. */
  readonly join: readonly string[];
  readonly log: Log;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly leaseReads: boolean;
  readonly requestTimeoutMs: number;
  readonly valueSizeBytesMax: number;
  readonly connectionsMax: number;
  /** Entries kept in the log for members that lag; beyond, they get a snapshot. */
  readonly logEntriesKept: number;
  /** How long a new member asks to be let in before it gives up. */
  readonly joinTimeoutMs: number;
}

export const serverDefaults = {
  id: 'node1',
  host: '127.0.0.1',
  grpcPort: 50051,
  raftPort: 60051,
  bootstrap: false,
  join: [],
  heartbeatIntervalMs: memberDefaults.heartbeatIntervalMs,
  electionTimeoutMs: memberDefaults.electionTimeoutMs,
  leaseReads: memberDefaults.leaseReads,
  requestTimeoutMs: memberDefaults.requestTimeoutMs,
  valueSizeBytesMax: 1.5 * 1024 * 1024,
  connectionsMax: 10_000,
  logEntriesKept: memberDefaults.logEntriesKept,
  joinTimeoutMs: 60_000,
} as const satisfies Partial<ServerOptions>;
