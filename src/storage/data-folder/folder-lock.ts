import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import { lockFolder, openExclusively } from './exclusive-file.js';

export const lockFile = 'LOCK';

/**
 * Keeps a second process out of a folder; the kernel releases it when this one dies. Where folders can be locked it is the
 * folder itself: a file in it can be removed by somebody who takes it for a stale one.
 */
export class FolderLock {
  readonly folder: string;
  readonly #files: readonly fs.FileHandle[];

  private constructor(folder: string, files: readonly fs.FileHandle[]) {
    this.folder = folder;
    this.#files = files;
  }

  /** @throws KvorumError DATA_FOLDER_LOCKED */
  static async take(folder: string): Promise<FolderLock> {
    if (process.platform === 'win32') return new FolderLock(folder, [await takeFile(folder)]);
    const itself = await lockFolder(folder);
    if (itself === undefined) throw await inUse(folder);
    try {
      return new FolderLock(folder, [await takeFile(folder), itself]);
    } catch (error) {
      await itself.close();
      throw error;
    }
  }

  /** The lock goes with the descriptors; the file stays, so that there is only ever one to lock. */
  async release(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  /** Takes the file away too. */
  async remove(): Promise<void> {
    await fs.rm(join(this.folder, lockFile), { force: true });
    await this.release();
  }
}

/** The file that names the holder, and locks where folders cannot be locked. */
async function takeFile(folder: string): Promise<fs.FileHandle> {
  const path = join(folder, lockFile);
  for (;;) {
    const file = await openExclusively(path);
    if (file === undefined) throw await inUse(folder);
    try {
      if (await isAt(path, file)) {
        await file.truncate(0);
        await file.appendFile(`${process.pid}\n`);
        return file;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    // Its holder has taken the file away in between: it guards nothing.
    await file.close();
  }
}

async function inUse(folder: string): Promise<KvorumError> {
  // It may be gone, or its holder may be the only one who can read it.
  const holder = (await fs.readFile(join(folder, lockFile), 'utf8').catch(() => '')).trim();
  return new KvorumError(
    'DATA_FOLDER_LOCKED',
    `data folder ${folder} is in use by another process${holder === '' ? '' : ` (pid ${holder})`}`,
  );
}

async function isAt(path: string, file: fs.FileHandle): Promise<boolean> {
  const locked = await file.stat();
  const found = await fs.stat(path).catch(() => undefined);
  return found?.ino === locked.ino && found.dev === locked.dev;
}
