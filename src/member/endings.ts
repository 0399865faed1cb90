import { KvorumError } from '../base/errors.js';
import type { DiskError } from '../ports/disk.js';

/** Not with the code of the reason: who waits here to be let in would take that for his own. */
export function stoppingFor(reason: string): KvorumError {
  return new KvorumError('MEMBER_STOPPING', reason);
}

/** The cluster goes on at a feature level that this version does not know. */
export function isUnsuitable(error: Error): error is KvorumError {
  return error instanceof KvorumError && error.code === 'VERSION_MISMATCH';
}

export function storageMessage({ reason, message }: DiskError): string {
  const advice = 'start this member again, nothing that was acknowledged is lost';
  switch (reason) {
    case 'full':
      return `the disk is full (${message}): free space and ${advice}`;
    case 'descriptors':
      return `no file descriptor is left (${message}): raise the limit (ulimit -n, LimitNOFILE) and ${advice}`;
    case 'failed':
      return `the disk failed (${message}): mend it and ${advice}`;
  }
}
