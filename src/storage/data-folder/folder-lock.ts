import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import { openExclusively } from './exclusive-file.js';

export const lockFile = 'LOCK';

/** Keeps a second process out of a folder; the kernel releases it when this one dies. */
export class FolderLock {
  readonly folder: string;
  readonly #file: fs.FileHandle;

  private constructor(folder: string, file: fs.FileHandle) {
    this.folder = folder;
    this.#file = file;
  }

  /** @throws KvorumError DATA_FOLDER_LOCKED */
  static async take(folder: string): Promise<FolderLock> {
    const path = join(folder, lockFile);
    for (;;) {
      const file = await openExclusively(path);
      if (file === undefined) throw await inUse(folder, path);
      try {
        if (await isAt(path, file)) {
          await file.truncate(0);
          await file.appendFile(`${process.pid}\n`);
          return new FolderLock(folder, file);
        }
      } catch (error) {
        await file.close();
        throw error;
      }
      // Its holder has taken the file away in between: it guards nothing.
      await file.close();
    }
  }

  /** The lock goes with the descriptor; the file stays, so that there is only ever one to lock. */
  async release(): Promise<void> {
    await this.#file.close();
  }

  /** Takes the file away too. */
  async remove(): Promise<void> {
    await fs.rm(join(this.folder, lockFile), { force: true });
    await this.release();
  }
}

async function inUse(folder: string, path: string): Promise<KvorumError> {
  // It may be gone, or its holder may be the only one who can read it.
  const holder = (await fs.readFile(path, 'utf8').catch(() => '')).trim();
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
