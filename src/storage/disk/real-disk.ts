import { constants, write } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DiskError, type Disk, type DiskFile } from '../../ports/disk.js';

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const descriptorCodes = new Set(['EMFILE', 'ENFILE']);

async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DiskError) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new DiskError(reasonOf(codeOf(error) ?? ''), `${what}: ${detail}`, { cause: error });
  }
}

function reasonOf(code: string): DiskError['reason'] {
  if (fullCodes.has(code)) return 'full';
  return descriptorCodes.has(code) ? 'descriptors' : 'failed';
}

/** A folder of the file system. All work is done by the thread pool, none on the event loop. */
export class RealDisk implements Disk {
  readonly #root: string;

  /** @param root absolute path of the folder, which exists */
  constructor(root: string) {
    this.#root = root;
  }

  #path(path: string): string {
    return join(this.#root, path);
  }

  open(path: string, options?: { create?: boolean }): Promise<DiskFile> {
    return attempt(`open ${path}`, async () => {
      const full = this.#path(path);
      const flags = constants.O_RDWR | (options?.create === true ? constants.O_CREAT : 0);
      const plain = await fs.open(full, flags, 0o600);
      try {
        if (options?.create === true) await syncFolder(dirname(full));
        const durable = await openDurable(full);
        return new RealDiskFile(path, plain, durable);
      } catch (error) {
        await plain.close();
        throw error;
      }
    });
  }

  readFile(path: string): Promise<Uint8Array | undefined> {
    return attempt(`read ${path}`, async () => {
      try {
        return await fs.readFile(this.#path(path));
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    });
  }

  writeFileDurable(path: string, bytes: Uint8Array): Promise<void> {
    return attempt(`write ${path}`, async () => {
      const full = this.#path(path);
      const temporary = `${full}.tmp`;
      try {
        await writeSynced(temporary, bytes);
        await fs.rename(temporary, full);
      } catch (error) {
        // On a full disk what was written of it takes the space that is missing.
        await fs.rm(temporary, { force: true });
        throw error;
      }
      await syncFolder(dirname(full));
    });
  }

  list(folder: string): Promise<string[]> {
    return attempt(`list ${folder}`, async () => {
      try {
        return (await fs.readdir(this.#path(folder))).sort();
      } catch (error) {
        if (isAbsent(error)) return [];
        throw error;
      }
    });
  }

  makeFolder(path: string): Promise<void> {
    return attempt(`make folder ${path}`, async () => {
      const parts = path.split('/');
      for (let count = 1; count <= parts.length; count++) {
        const full = this.#path(parts.slice(0, count).join('/'));
        try {
          await fs.mkdir(full, { mode: 0o700 });
        } catch (error) {
          if (codeOf(error) !== 'EEXIST' || !(await fs.stat(full)).isDirectory()) throw error;
        }
        await syncFolder(dirname(full));
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(`rename ${from}`, async () => {
      const [source, target] = [this.#path(from), this.#path(to)];
      // Opened first: what fails for want of a descriptor is tried again, and a file is moved once only.
      const folders = await openFolders([...new Set([dirname(target), dirname(source)])]);
      try {
        await fs.rename(source, target);
        for (const folder of folders) await folder.sync();
      } finally {
        for (const folder of folders) await folder.close();
      }
    });
  }

  remove(path: string): Promise<void> {
    return attempt(`remove ${path}`, async () => {
      const full = this.#path(path);
      await fs.rm(full, { recursive: true, force: true });
      try {
        await syncFolder(dirname(full));
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
  }

  space(): Promise<number> {
    return attempt('free space', async () => {
      const { bavail, bsize } = await fs.statfs(this.#root);
      return bavail * bsize;
    });
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  for (const folder of await openFolders([path])) {
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

/** To be synced; none where the system knows no such thing. */
async function openFolders(paths: readonly string[]): Promise<readonly fs.FileHandle[]> {
  const folders: fs.FileHandle[] = [];
  if (process.platform === 'win32') return folders;
  try {
    for (const path of paths) folders.push(await fs.open(path, 'r'));
    return folders;
  } catch (error) {
    for (const folder of folders) await folder.close();
    throw error;
  }
}

/** O_DSYNC makes write and sync one job of the thread pool; undefined where the system has no such flag. */
async function openDurable(path: string): Promise<fs.FileHandle | undefined> {
  const dsync = (constants as Partial<typeof constants>).O_DSYNC;
  return dsync === undefined ? undefined : await fs.open(path, constants.O_RDWR | dsync);
}

class RealDiskFile implements DiskFile {
  readonly #name: string;
  readonly #plain: fs.FileHandle;
  readonly #durable: fs.FileHandle | undefined;

  constructor(name: string, plain: fs.FileHandle, durable: fs.FileHandle | undefined) {
    this.#name = name;
    this.#plain = plain;
    this.#durable = durable;
  }

  sizeBytes(): Promise<number> {
    return attempt(`size of ${this.#name}`, async () => (await this.#plain.stat()).size);
  }

  read(position: number, lengthBytes: number): Promise<Uint8Array> {
    return attempt(`read ${this.#name}`, async () => {
      const bytes = Buffer.allocUnsafe(lengthBytes);
      let at = 0;
      while (at < lengthBytes) {
        const { bytesRead } = await this.#plain.read(bytes, at, lengthBytes - at, position + at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes.subarray(0, at);
    });
  }

  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return attempt(`write ${this.#name}`, () => writeAll(this.#plain, position, chunks));
  }

  writeDurable(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return attempt(`write ${this.#name}`, async () => {
      await writeAll(this.#durable ?? this.#plain, position, chunks);
      if (this.#durable === undefined) await this.#plain.datasync();
    });
  }

  sync(): Promise<void> {
    return attempt(`sync ${this.#name}`, () => this.#plain.datasync());
  }

  truncate(sizeBytes: number): Promise<void> {
    return attempt(`truncate ${this.#name}`, () => this.#plain.truncate(sizeBytes));
  }

  close(): Promise<void> {
    return attempt(`close ${this.#name}`, async () => {
      try {
        await this.#plain.close();
      } finally {
        await this.#durable?.close();
      }
    });
  }
}

async function writeAll(file: fs.FileHandle, position: number, chunks: readonly Uint8Array[]): Promise<void> {
  let left = chunks.filter((chunk) => chunk.length > 0);
  let at = position;
  while (left.length > 0) {
    const bytesWritten =
      left.length === 1 ? await writeOne(file, left[0]!, at) : (await file.writev(left, at)).bytesWritten;
    at += bytesWritten;
    left = without(left, bytesWritten);
  }
}

/** Every batch of the log comes this way: the callback of `write` is cheaper than the promise of a FileHandle. */
function writeOne(file: fs.FileHandle, chunk: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(file.fd, chunk, 0, chunk.length, position, (error, bytesWritten) => {
      if (error === null) resolve(bytesWritten);
      else reject(error);
    });
  });
}

/** What is left of `chunks` after a write that may have been short. */
function without(chunks: readonly Uint8Array[], bytesWritten: number): Uint8Array[] {
  let skip = bytesWritten;
  const left: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip >= chunk.length) {
      skip -= chunk.length;
    } else {
      left.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return left;
}
