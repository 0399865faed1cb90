import { totalmem } from 'node:os';

/** What this process may use: the machine's memory, or what its control group (a container) allows. */
export function availableMemoryBytes(): number {
  const constrainedBytes = process.constrainedMemory();
  // 0 or a number without sense says that nothing is constrained.
  return constrainedBytes > 0 ? Math.min(constrainedBytes, totalmem()) : totalmem();
}

const mebibyte = 1024 * 1024;

/** What clients may make a member hold: on a small machine, or in a small container, this part of the memory. */
const clientMemoryBytesMax = 512 * mebibyte;
const clientMemoryShare = 1 / 8;

/**
 * Writes wait in two places, for consensus and for the database. Each may take this part of the memory: a byte that
 * waits is held up to three times, for the log, for followers and as it came.
 */
const waitingWritesShare = 1 / 16;
const waitingWritesBytesMin = 8 * mebibyte;
const waitingWritesBytesMax = 64 * mebibyte;

export interface MemoryParts {
  /** `memoryBytesMax` of the client port. */
  readonly clientBytes: number;
  /** `uncommittedSizeBytesMax`, `stateBacklogSizeBytesMax` and a bound of `logMemorySizeBytes` of the member. */
  readonly waitingWritesBytes: number;
}

/** Fits what a member holds to the memory that there is. */
export function fitMemory(availableBytes: number): MemoryParts {
  const share = Math.floor(availableBytes * waitingWritesShare);
  const waitingWritesBytes = Math.min(waitingWritesBytesMax, Math.max(waitingWritesBytesMin, share));
  return {
    clientBytes: Math.min(clientMemoryBytesMax, Math.floor(availableBytes * clientMemoryShare)),
    waitingWritesBytes,
  };
}
