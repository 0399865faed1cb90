import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import koffi from 'koffi';

/** `flock(2)`: both are the same on every system that has it. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Of libuv, on Windows: nobody else may open the file while it is open. */
const UV_FS_O_EXLOCK = 0x1000_0000;

/**
 * Opens a folder for one holder at a time, in this process and all others of the machine. The kernel frees it when its holder
 * closes it or dies. Not on Windows.
 *
 * @returns undefined: somebody else holds it
 * @throws Error of the system: the folder cannot be opened, or its file system knows no locks
 */
export async function lockFolder(path: string): Promise<fs.FileHandle | undefined> {
  const folder = await fs.open(path, 'r');
  try {
    if (lock(folder.fd)) return folder;
  } catch (error) {
    await folder.close();
    throw error;
  }
  await folder.close();
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

/** The same for a file, on Windows; made if it is not there. */
export async function openUnshared(path: string): Promise<fs.FileHandle | undefined> {
  const { O_RDWR, O_CREAT, O_APPEND } = constants;
  try {
    return await fs.open(path, O_RDWR | O_CREAT | O_APPEND | UV_FS_O_EXLOCK, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return undefined;
    throw error;
  }
}
