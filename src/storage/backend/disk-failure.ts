import { closeSync, openSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { DiskError } from '../../ports/disk.js';

/** Limits that a file system with free space may have reached. */
const limitPattern = /quota exceeded|file too large|MDB_MAP_FULL|EDQUOT|EFBIG/i;

/** EMFILE and ENFILE, as the system words them. */
const descriptorsPattern = /too many open files/i;

/** Left free beyond what a transaction may need; with less, a failed write counts as one for which there was none. */
const freeSizeBytesMin = 1024 * 1024;

/** LMDB opens three files; what other threads open at this moment may take some. */
const descriptorsToOpen = 8;

/**
 * Asked right before LMDB opens its files: where it gets some of them and not all, the process is ended by it.
 *
 * @throws DiskError
 */
export function requireDescriptors(folder: string): void {
  const taken: number[] = [];
  try {
    while (taken.length < descriptorsToOpen) taken.push(openSync(folder, 'r'));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const reason = code === 'EMFILE' || code === 'ENFILE' ? 'descriptors' : 'failed';
    // Windows opens no folder.
    if (reason === 'descriptors' || process.platform !== 'win32') {
      throw new DiskError(reason, `state database: ${message}`, { cause: error });
    }
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

/**
 * Asked before each transaction: is there space, and does the file system take changes? A write that fails as a
 * whole must not be left to LMDB: the text of its error is longer than the memory that lmdb-js takes for it, and
 * the process may be aborted.
 */
export async function requireWritable(folder: string, changesSizeBytes: number): Promise<void> {
  const freeBytes = await freeSizeBytes(folder);
  const neededBytes = 2 * changesSizeBytes + freeSizeBytesMin;
  if (freeBytes < neededBytes) {
    const message = `state database: ${freeBytes} bytes are free, ${neededBytes} may be needed`;
    throw new DiskError('full', message);
  }
  const now = new Date();
  await fs.utimes(folder, now, now);
}

/**
 * What LMDB says, as the port has it. "No space left" is not taken at its word: where the file system has space, it
 * was the device below that had none to keep what it took, and there is nothing to free here.
 */
export async function diskErrorOf(error: unknown, folder: string): Promise<DiskError> {
  if (error instanceof DiskError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (descriptorsPattern.test(detail)) {
    return new DiskError('descriptors', `state database: ${detail}`, { cause: error });
  }
  const full = limitPattern.test(detail) || (await isNearlyFull(folder));
  return new DiskError(full ? 'full' : 'failed', `state database: ${detail}`, { cause: error });
}

/** A write that had space for a part of it only is an input/output error to LMDB. */
async function isNearlyFull(folder: string): Promise<boolean> {
  try {
    return (await freeSizeBytes(folder)) < freeSizeBytesMin;
  } catch {
    return false;
  }
}

export async function freeSizeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await fs.statfs(folder);
  return bavail * bsize;
}
