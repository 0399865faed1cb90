import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import koffi from 'koffi';

/** `flock(2)`: both are the same on every system that has it. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Of libuv, on Windows: nobody else may open the file while it is open. */
const UV_FS_O_EXLOCK = 0x1000_0000;

const mode = 0o600;

/**
 * Opens a file for one holder at a time, in this process and all others of the machine; made if it is not there. The
 * kernel frees it when its holder closes it or dies.
 *
 * @returns undefined: somebody else holds it
 * @throws Error of the system: the file cannot be opened, or its file system knows no locks
 */
export function openExclusively(path: string): Promise<fs.FileHandle | undefined> {
  return process.platform === 'win32' ? openUnshared(path) : openLocked(path);
}

/** The same for a folder, which nobody can take away and put in its place again; not on Windows. */
export function lockFolder(path: string): Promise<fs.FileHandle | undefined> {
  return locked(() => fs.open(path, 'r'));
}

function openLocked(path: string): Promise<fs.FileHandle | undefined> {
  return locked(() => fs.open(path, 'a+', mode));
}

async function locked(open: () => Promise<fs.FileHandle>): Promise<fs.FileHandle | undefined> {
  const file = await open();
  try {
    if (lock(file.fd)) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

let flock: ((descriptor: number, operation: number) => number) | undefined;

function lock(descriptor: number): boolean {
  flock ??= koffi.load(null).func('int flock(int, int)') as unknown as NonNullable<typeof flock>;
  const { EWOULDBLOCK, EINTR } = koffi.os.errno;
  for (;;) {
    if (flock(descriptor, LOCK_EX | LOCK_NB) === 0) return true;
    const errno = koffi.errno();
    if (errno === EWOULDBLOCK) return false;
    if (errno !== EINTR) throw new Error(`flock failed (errno ${errno})`);
  }
}

async function openUnshared(path: string): Promise<fs.FileHandle | undefined> {
  const { O_RDWR, O_CREAT, O_APPEND } = constants;
  try {
    return await fs.open(path, O_RDWR | O_CREAT | O_APPEND | UV_FS_O_EXLOCK, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return undefined;
    throw error;
  }
}
