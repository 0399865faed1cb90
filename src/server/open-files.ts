import type { Log } from '../base/log.js';
import { ownFilesKept, peerConnectionsMin, requireOpenFiles } from './open-files-max.js';
import { connectionsMax as peerConnectionsMax } from '../peer/tcp-peers.js';

/** The Raft port's part of what is left; at least peerConnectionsMin. */
const peerConnectionsPart = 1 / 4;

export interface ConnectionLimits {
  readonly clientConnectionsMax: number;
  readonly peerConnectionsMax: number;
}

/**
 * Fits the limits of connections into the number of files that may be open, so that strangers never take those that
 * the member needs: without one for its next log segment it would have to stop.
 *
 * @param filesMax undefined: unknown, or without limit
 * @throws KvorumError INVALID_REQUEST when too few are left to serve anybody
 */
export function fitConnections(
  clientConnectionsMax: number,
  filesMax: number | undefined,
  log: Log,
): ConnectionLimits {
  requireOpenFiles(clientConnectionsMax, filesMax);
  if (filesMax === undefined) return { clientConnectionsMax, peerConnectionsMax };
  const left = filesMax - ownFilesKept;
  const part = Math.max(peerConnectionsMin, Math.floor(left * peerConnectionsPart));
  const forPeers = Math.min(peerConnectionsMax, part);
  const forClients = left - forPeers;
  if (forClients < clientConnectionsMax) {
    log.warn(
      {
        openFilesMax: filesMax,
        keptForMember: ownFilesKept,
        keptForRaftPort: forPeers,
        connectionsMax: forClients,
        wanted: clientConnectionsMax,
      },
      'connectionsMax is lowered: the process may not open more files (ulimit -n, LimitNOFILE)',
    );
  }
  return {
    clientConnectionsMax: Math.min(clientConnectionsMax, forClients),
    peerConnectionsMax: forPeers,
  };
}
