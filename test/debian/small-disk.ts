import { execFile, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;

/** Programs that disks are made with. */
export const diskCommands = ['mkfs.ext4', 'e2fsck', 'mount', 'fallocate', 'fsfreeze'];

const made = new Set<SmallDisk>();
let guarded = false;

/** Whatever ends the test, no disk outlives it. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  process.on('exit', () => {
    for (const disk of made) disk.removeAtOnce();
  });
}

/** A file system of its own, in a file: a disk that can be full. Needs root. */
export class SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  readonly #folder: string;
  #hasBacking = false;
  #frozen = false;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#image = join(folder, 'image');
    this.path = join(folder, 'disk');
    guard();
    made.add(this);
  }

  static async make(folder: string, sizeMebibytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    await disk.#format(sizeMebibytes);
    return disk;
  }

  /**
   * A disk that takes everything, and fails to bring it to where it is kept once that is more than `backingMebibytes`:
   * a write succeeds, and the sync after it is an input/output error.
   */
  static async makeFailing(
    folder: string,
    sizeMebibytes: number,
    backingMebibytes: number,
  ): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    await mkdir(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${backingMebibytes}m`, 'kvorum-test', folder]);
    disk.#hasBacking = true;
    // A mount namespace that is made meanwhile has a copy of what is mounted here: there it ends with it too, else
    // mend() would find the file system still in use.
    await run('mount', ['--make-shared', folder]);
    await disk.#format(sizeMebibytes);
    return disk;
  }

  async #format(sizeMebibytes: number): Promise<void> {
    await mkdir(this.path, { recursive: true });
    const file = await open(this.#image, 'w');
    await file.truncate(sizeMebibytes * mebibyte);
    await file.close();
    // Without blocks that are kept for root, which the members here are.
    await run('mkfs.ext4', ['-q', '-m', '0', this.#image]);
    await this.#mount();
  }

  async #mount(): Promise<void> {
    await run('mount', ['-o', 'loop', this.#image, this.path]);
  }

  /** There is enough behind it from now on; what a failed write left of the file system's tables is mended. */
  async mend(backingMebibytes: number): Promise<void> {
    await run('umount', [this.path]);
    await run('mount', ['-o', `remount,size=${backingMebibytes}m`, this.#folder]);
    try {
      await run('e2fsck', ['-p', '-f', this.#image]);
    } catch (error) {
      // 1: there was something to mend, and it is mended.
      if ((error as { code?: unknown }).code !== 1) throw error;
    }
    await this.#mount();
  }

  get #filler(): string {
    return join(this.path, 'other');
  }

  async #freeSizeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Somebody else's file, that takes the space away. */
  async takeSpace(sizeMebibytes: number): Promise<void> {
    await run('fallocate', ['-l', String(sizeMebibytes * mebibyte), this.#filler]);
  }

  /** Somebody else's file, that takes all space but so much; less is left if others take some meanwhile. */
  async fill(leftSizeBytes: number): Promise<void> {
    const sizeBytes = (await this.#freeSizeBytes()) - leftSizeBytes;
    if (sizeBytes <= 0) return;
    try {
      await run('fallocate', ['-l', String(sizeBytes), this.#filler]);
    } catch (error) {
      // What there was is taken.
      if ((await this.#freeSizeBytes()) > leftSizeBytes) throw error;
    }
  }

  async freeSpace(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  /** Whoever writes or syncs waits from now on, without an error. */
  async freeze(): Promise<void> {
    this.#frozen = true;
    try {
      await run('fsfreeze', ['--freeze', this.path]);
    } catch (error) {
      this.#frozen = false;
      throw error;
    }
  }

  async thaw(): Promise<void> {
    await run('fsfreeze', ['--unfreeze', this.path]);
    this.#frozen = false;
  }

  async remove(): Promise<void> {
    // A file system that is frozen outlives its mount.
    if (this.#frozen) await this.thaw();
    await run('umount', ['-l', this.path]).catch(() => {});
    if (this.#hasBacking) await run('umount', ['-l', this.#folder]).catch(() => {});
    await rm(this.#folder, { recursive: true, force: true });
    made.delete(this);
  }

  /** The same, when the process ends and nothing can be waited for. */
  removeAtOnce(): void {
    if (this.#frozen) spawnSync('fsfreeze', ['--unfreeze', this.path]);
    spawnSync('umount', ['-l', this.path]);
    if (this.#hasBacking) spawnSync('umount', ['-l', this.#folder]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
