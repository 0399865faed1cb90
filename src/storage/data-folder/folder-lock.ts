import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import { lockFolder, openUnshared } from './exclusive-file.js';

export const lockFile = 'LOCK';

const isWindows = process.platform === 'win32';

/**
 * Keeps a second process out of a folder; the kernel releases it when this one dies. Where folders can be locked it is the
 * folder itself: a file in it can be removed by somebody who takes it for a stale one.
 */
export class FolderLock {
  readonly folder: string;
  readonly #locked: fs.FileHandle;

  private constructor(folder: string, locked: fs.FileHandle) {
    this.folder = folder;
    this.#locked = locked;
  }

  /** @throws KvorumError DATA_FOLDER_LOCKED */
  static async take(folder: string): Promise<FolderLock> {
    const file = join(folder, lockFile);
    const locked = await (isWindows ? openUnshared(file) : lockFolder(folder));
    if (locked === undefined) throw await inUse(folder);
    try {
      const holder = `${process.pid}\n`;
      if (isWindows) await rewrite(locked, holder);
      else await fs.writeFile(file, holder, { mode: 0o600 });
      // Its last holder may have taken it away, and somebody else have made it anew. With the file in it, nobody can any more.
      if (!(await isAt(isWindows ? file : folder, locked))) throw await inUse(folder);
      return new FolderLock(folder, locked);
    } catch (error) {
      await locked.close();
      throw error;
    }
  }

  /** The lock goes with the descriptor; the file stays. */
  async release(): Promise<void> {
    await this.#locked.close();
  }

  /** Takes the file away too. */
  async remove(): Promise<void> {
    await fs.rm(join(this.folder, lockFile), { force: true });
    await this.release();
  }
}

async function rewrite(file: fs.FileHandle, text: string): Promise<void> {
  await file.truncate(0);
  await file.appendFile(text);
}

async function inUse(folder: string): Promise<KvorumError> {
  // It may be gone, or its holder may be the only one who can read it.
  const holder = (await fs.readFile(join(folder, lockFile), 'utf8').catch(() => '')).trim();
  return new KvorumError(
    'DATA_FOLDER_LOCKED',
    `data folder ${folder} is in use by another process${holder === '' ? '' : ` (pid ${holder})`}`,
  );
}

async function isAt(path: string, handle: fs.FileHandle): Promise<boolean> {
  const locked = await handle.stat();
  const found = await fs.stat(path).catch(() => undefined);
  return found?.ino === locked.ino && found.dev === locked.dev;
}
