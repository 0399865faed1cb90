import * as fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import { DiskError, type Disk } from '../../ports/disk.js';
import { RealDisk } from '../disk/real-disk.js';
import { FolderLock, lockFile } from './folder-lock.js';
import { decodeIdentity, encodeIdentity, type Identity } from './identity.js';

export type { Identity } from './identity.js';

const identityFile = 'identity.json';
/** What a folder may hold before it has an identity: ours, and what a file system's root comes with. */
const harmlessNames = new Set([lockFile, `${identityFile}.tmp`, 'lost+found']);

/** A member's data folder: made, locked against other processes, and known to be this member's. */
export class DataFolder {
  readonly path: string;
  readonly disk: Disk;
  readonly #lock: FolderLock;
  #identity: Identity | undefined;

  private constructor(path: string, disk: Disk, lock: FolderLock, identity: Identity | undefined) {
    this.path = path;
    this.disk = disk;
    this.#lock = lock;
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
      await makeDurable(full);
      const disk = new RealDisk(full);
      // Before anything is made in it.
      await refuseForeign(path, disk);
      const lock = await FolderLock.take(full);
      try {
        return new DataFolder(full, disk, lock, await readIdentity(path, disk, name));
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /** Durable when it resolves. */
  async saveIdentity(identity: Identity): Promise<void> {
    await explained(this.path, () =>
      this.disk.writeFileDurable(identityFile, Buffer.from(encodeIdentity(identity))),
    );
    this.#identity = identity;
  }

  async close(): Promise<void> {
    await this.#lock.release();
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

async function readIdentity(path: string, disk: Disk, name: string): Promise<Identity | undefined> {
  const bytes = await disk.readFile(identityFile);
  if (bytes === undefined) return undefined;
  const identity = decodeIdentity(join(path, identityFile), Buffer.from(bytes).toString('utf8'));
  if (identity.name !== name) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `data folder ${path} belongs to member ${identity.name}, not ${name}: start it with -id=${identity.name}, or name another folder with -data-dir`,
    );
  }
  return identity;
}

/** Makes what is missing of the path, each step synced in its parent. */
async function makeDurable(full: string): Promise<void> {
  const first = await fs.mkdir(full, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = full; ; made = dirname(made)) {
    const parent = await fs.open(dirname(made), 'r');
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
    if (made === first) return;
  }
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
    case 'ENOSPC':
    case 'EDQUOT':
      return `is on a full disk (${code})`;
    default:
      return `cannot be used (${code})`;
  }
}
