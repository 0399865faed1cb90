import { readFileSync } from 'node:fs';
import process from 'node:process';
import { KvorumError } from '../base/errors.js';

/**
 * File descriptors that a member needs besides its connections: log segments, LMDB, snapshots, listening sockets, its
 * own connections to the other members, and what Node has open. A member uses some 40.
 */
export const ownFilesKept = 128;
/** The Raft port's part of what is left, at least and at most; in between a quarter. */
export const peerConnectionsMin = 64;
/** With fewer for clients a member does not start. */
export const clientConnectionsMin = 64;

/** How many files this process may have open; undefined where that cannot be found out. Node has raised it as far as it may. */
export function openFilesMax(): number | undefined {
  try {
    return parseLimits(readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    return reportedMax();
  }
}

/** Where there is no /proc. */
function reportedMax(): number | undefined {
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = report.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}

/** @param text of /proc/PID/limits (proc(5)) */
export function parseLimits(text: string): number | undefined {
  const soft = /^Max open files +(\d+|unlimited) /m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
}

/**
 * @param filesMax undefined: unknown, or without limit
 * @throws KvorumError INVALID_REQUEST when too few are left to serve anybody
 */
export function requireOpenFiles(clientConnectionsMax: number, filesMax: number | undefined): void {
  const needed = ownFilesKept + peerConnectionsMin + Math.min(clientConnectionsMin, clientConnectionsMax);
  if (filesMax === undefined || filesMax >= needed) return;
  throw new KvorumError(
    'INVALID_REQUEST',
    `this process may have ${filesMax} files open, but a member needs ${needed} at least: raise the limit (ulimit -n, or LimitNOFILE in a systemd unit)`,
  );
}
