import * as fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import type { RandomSource } from '../../base/prng.js';
import { DiskError, type Disk } from '../../ports/disk.js';
import { RealDisk } from '../disk/real-disk.js';
import { FolderLock, lockFile } from './folder-lock.js';
import { decodeIdentity, encodeIdentity, nextStartEpoch, type Identity } from './identity.js';

export type { Identity } from './identity.js';

const identityFile = 'identity.json';
/** What a folder may hold before it has an identity: ours, and what a file system's root comes with. */
const harmlessNames = new Set([lockFile, `${identityFile}.tmp`, 'lost+found']);

/** A member's data folder: made, locked against other processes, and known to be this member's. */
export class DataFolder {
  readonly path: string;
  readonly disk: Disk;
  readonly #lock: FolderLock;
  /** That this start has made, the outermost first. */
  readonly #made: readonly string[];
  readonly #wasNew: boolean;
  #identity: Identity | undefined;
  /** 0: no member starts. */
  #startEpoch = 0;

  private constructor(disk: Disk, made: readonly string[], lock: FolderLock, identity: Identity | undefined) {
    this.path = lock.folder;
    this.disk = disk;
    this.#made = made;
    this.#lock = lock;
    this.#wasNew = identity === undefined;
    this.#identity = identity;
  }

  /** Undefined in a new folder. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /**
   * @param name the member that is to be started in it
   * @throws KvorumError DATA_FOLDER_UNUSABLE, DATA_FOLDER_LOCKED, DATA_FOLDER_MISMATCH, DATA_DAMAGED
   */
  static async open(path: string, name: string): Promise<DataFolder> {
    const full = resolve(path);
    return await explained(path, async () => {
      const made = await makeDurable(full);
      try {
        const disk = new RealDisk(full);
        // Before anything is made in it.
        await refuseForeign(path, disk);
        const lock = await FolderLock.take(full);
        try {
          return new DataFolder(disk, made, lock, await readIdentity(path, disk, name));
        } catch (error) {
          await lock.release();
          throw error;
        }
      } catch (error) {
        await removeEmpty(made);
        throw error;
      }
    });
  }

  /**
   * One that a member has used before, whoever it was; nothing is made or changed in it.
   * @throws KvorumError as open()
   */
  static async openExisting(path: string): Promise<DataFolder> {
    const full = resolve(path);
    return await explained(path, async () => {
      const disk = new RealDisk(full);
      if (!(await disk.list('')).includes(identityFile)) {
        throw new KvorumError(
          'DATA_FOLDER_UNUSABLE',
          `data folder ${path} holds no member: there is no ${identityFile}`,
        );
      }
      const lock = await FolderLock.take(full);
      try {
        return new DataFolder(disk, [], lock, await readIdentity(path, disk, undefined));
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /** Of the start that is under way; each identity that it saves has it. */
  get startEpoch(): number {
    return this.#startEpoch;
  }

  /** Before anything else is done with the folder: the others must be able to tell this start from one of a copy. */
  async beginStart(wallMs: number, random: RandomSource): Promise<void> {
    this.#startEpoch = nextStartEpoch(this.#identity?.startEpoch ?? 0, wallMs, random);
    if (this.#identity !== undefined) await this.saveIdentity(this.#identity);
  }

  /** Durable when it resolves. */
  async saveIdentity(identity: Identity): Promise<void> {
    const startEpoch = this.#startEpoch === 0 ? identity.startEpoch : this.#startEpoch;
    const saved = startEpoch === undefined ? identity : { ...identity, startEpoch };
    await explained(this.path, () =>
      this.disk.writeFileDurable(identityFile, Buffer.from(encodeIdentity(saved))),
    );
    this.#identity = saved;
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  /** Closes it for a start that came to nothing, which leaves nothing behind of a folder that was new. */
  async abandon(): Promise<void> {
    if (!this.#wasNew) {
      await this.close();
      return;
    }
    await fs.rm(join(this.path, identityFile), { force: true });
    await this.#lock.remove();
    await removeEmpty(this.#made);
  }
}

/** The identity is made first, so whatever else lies there without one is not ours. */
async function refuseForeign(path: string, disk: Disk): Promise<void> {
  const names = await disk.list('');
  const foreign = names.find((each) => !harmlessNames.has(each));
  if (foreign === undefined || names.includes(identityFile)) return;
  throw new KvorumError(
    'DATA_FOLDER_MISMATCH',
    `data folder ${path} is not empty and not Kvorum's (it holds ${foreign}): name another one with -data-dir`,
  );
}

async function readIdentity(
  path: string,
  disk: Disk,
  name: string | undefined,
): Promise<Identity | undefined> {
  const bytes = await disk.readFile(identityFile);
  if (bytes === undefined) return undefined;
  const identity = decodeIdentity(join(path, identityFile), Buffer.from(bytes).toString('utf8'));
  if (name !== undefined && identity.name !== name) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `data folder ${path} belongs to member ${identity.name}, not ${name}: start it with -id=${identity.name}, or name another folder with -data-dir`,
    );
  }
  return identity;
}

/**
 * Makes what is missing of the path, each step synced in its parent. Not by mkdir's own recursion: that of Node never
 * ends where the system says ENOENT, as in /proc.
 *
 * @returns what was made, the outermost first
 */
async function makeDurable(full: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let at = full; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  for (const folder of missing) {
    try {
      await fs.mkdir(folder, { mode: 0o700 });
      made.push(folder);
    } catch (error) {
      // Another member that starts now may have made it.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isFolder(folder))) continue;
      await removeEmpty(made);
      throw error;
    }
    const parent = await fs.open(dirname(folder), 'r');
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  }
  return made;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const stats = await fs.stat(path);
    if (stats.isDirectory()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
}

/** As far as nothing has been put into them. */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) await fs.rmdir(folder).catch(() => {});
}

/** What the operating system says of the folder, as an error that names the folder. */
async function explained<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof KvorumError) throw error;
    const cause = error instanceof DiskError ? error.cause : error;
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? String(error);
    throw new KvorumError('DATA_FOLDER_UNUSABLE', `data folder ${path} ${meaning(code)}`, { cause: error });
  }
}

function meaning(code: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `cannot be written (${code}): check its owner and permissions`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `is not a folder (${code})`;
    case 'ENOENT':
      return `cannot be made there (${code})`;
    case 'EMFILE':
    case 'ENFILE':
      return `cannot be opened: no file descriptor is left (${code}): raise the limit (ulimit -n, LimitNOFILE)`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `is on a full disk (${code})`;
    default:
      return `cannot be used (${code})`;
  }
}
