import {
  checkMemberName,
  checkReachable,
  formatHostPort,
  isWildcard,
  parseHostPort,
} from '../base/address.js';
import { echoed } from '../base/echo.js';
import { KvorumError } from '../base/errors.js';
import { knownLevels, levelsText, type FeatureLevel } from '../base/feature-levels.js';
import type { Log } from '../base/log.js';
import { memberDefaults } from '../member/options.js';
import { clusterMembersMax } from '../raft/config-change.js';

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
  /** Client addresses that are asked before a cluster is founded: none is, where one of them is of a cluster. */
  readonly bootstrapUnless: readonly string[];
  /** Client addresses of members to join through. */
  readonly join: readonly string[];
  /**
   * host:port of the Raft ports of members, by name: called there first, in spite of what the cluster knows. Of this start
   * alone, and told to nobody.
   */
  readonly peers: ReadonlyMap<string, string>;
  readonly log: Log;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly leaseReads: boolean;
  readonly requestTimeoutMs: number;
  readonly valueSizeBytesMax: number;
  readonly connectionsMax: number;
  /** Entries kept in the log for members that lag; beyond, they get a snapshot. */
  readonly logEntriesKept: number;
  /** What was overwritten or deleted longer ago is forgotten; 0: nothing for its age. */
  readonly compactionAgeMs: number;
  /** So many of the newest revisions are kept, and no older ones; 0: as many as there are. */
  readonly compactionRevisions: number;
  /** How long a new member asks to be let in before it gives up. */
  readonly joinTimeoutMs: number;
  /** The cluster is to go no further than this level, so that an older version can be installed again. */
  readonly featureLevelMax: FeatureLevel;
}

export const serverDefaults = {
  id: 'node1',
  host: '127.0.0.1',
  grpcPort: 50051,
  raftPort: 60051,
  bootstrap: false,
  bootstrapUnless: [],
  join: [],
  peers: new Map<string, string>(),
  heartbeatIntervalMs: memberDefaults.heartbeatIntervalMs,
  electionTimeoutMs: memberDefaults.electionTimeoutMs,
  leaseReads: memberDefaults.leaseReads,
  requestTimeoutMs: memberDefaults.requestTimeoutMs,
  valueSizeBytesMax: 1.5 * 1024 * 1024,
  connectionsMax: 10_000,
  logEntriesKept: memberDefaults.logEntriesKept,
  compactionAgeMs: memberDefaults.compactionAgeMs,
  compactionRevisions: memberDefaults.compactionRevisions,
  joinTimeoutMs: 60_000,
  featureLevelMax: knownLevels.max,
} as const satisfies Partial<ServerOptions>;

/** Fewer heartbeats in an election time-out, and one that is late starts an election. */
const heartbeatsPerElectionMin = 3;

/**
 * Fields are named as the command line's flags are.
 *
 * @throws KvorumError INVALID_REQUEST
 */
export function checkServerOptions(options: ServerOptions): void {
  const { id, host, advertiseHost, grpcPort, raftPort, dataDir, bootstrap, join } = options;
  checkMemberName('id', id);
  checkHost('host', host);
  checkHost('advertise-host', advertiseHost);
  if (isWildcard(advertiseHost)) {
    throw refused(
      `advertise-host must be an address that others can connect to, not ${advertiseHost}: name one beside -host`,
    );
  }
  checkPort('grpcport', grpcPort);
  checkPort('raftport', raftPort);
  if (grpcPort === raftPort && grpcPort !== 0) {
    throw refused(`raftport must differ from grpcport, both are ${grpcPort}`);
  }
  if (dataDir === '') throw refused('data-dir must name a folder');
  for (const address of join) parseHostPort('join', address);
  for (const address of options.bootstrapUnless) parseHostPort('bootstrap-unless', address);
  checkPeers(options.peers);
  if (bootstrap && join.length > 0) {
    throw refused('bootstrap and join exclude each other: found a cluster, or join one');
  }
  checkTimes(options);
  for (const field of ['compactionAgeMs', 'compactionRevisions'] as const) {
    const value = options[field];
    if (!Number.isSafeInteger(value) || value < 0) {
      throw refused(`auto-compaction-retention must be a whole number from 0 on, not ${value}`);
    }
  }
  checkFeatureLevel(options.featureLevelMax);
}

function checkPeers(peers: ReadonlyMap<string, string>): void {
  if (peers.size > clusterMembersMax) {
    throw refused(`peers must name at most ${clusterMembersMax} members, not ${peers.size}`);
  }
  for (const [name, address] of peers) {
    checkMemberName('peers', name);
    checkReachable('peers', address);
  }
}

function checkFeatureLevel(level: FeatureLevel): void {
  if (Number.isInteger(level) && level >= knownLevels.min && level <= knownLevels.max) return;
  throw refused(
    `feature-level-max must be a level that this version knows (${levelsText(knownLevels)}), not ${level}`,
  );
}

function checkTimes(options: ServerOptions): void {
  const { heartbeatIntervalMs, electionTimeoutMs } = options;
  const times = {
    'heartbeat-interval': heartbeatIntervalMs,
    'election-timeout': electionTimeoutMs,
    'request-timeout': options.requestTimeoutMs,
    'join-timeout': options.joinTimeoutMs,
  };
  for (const [field, timeMs] of Object.entries(times)) {
    if (!Number.isSafeInteger(timeMs) || timeMs < 1) {
      throw refused(`${field} must be a whole number of milliseconds from 1 on, not ${timeMs}`);
    }
  }
  if (electionTimeoutMs < heartbeatsPerElectionMin * heartbeatIntervalMs) {
    throw refused(
      `election-timeout must be at least ${heartbeatsPerElectionMin} times heartbeat-interval (${heartbeatIntervalMs} ms), not ${electionTimeoutMs}`,
    );
  }
}

function checkHost(field: string, host: string): void {
  try {
    parseHostPort(field, formatHostPort(host, 1));
  } catch (cause) {
    const shown = JSON.stringify(echoed(host));
    throw new KvorumError(
      'INVALID_REQUEST',
      `${field} must be a host name or an address (letters, digits, '.', '-', '_', or IPv6), not ${shown}`,
      {
        cause,
      },
    );
  }
}

function checkPort(field: string, port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw refused(`${field} must be a port from 0 to 65535, not ${port}`);
}

function refused(message: string): KvorumError {
  return new KvorumError('INVALID_REQUEST', message);
}
