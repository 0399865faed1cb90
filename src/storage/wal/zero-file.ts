import type { Disk, DiskFile } from '../../ports/disk.js';

/** Zeros that are written between two syncs: a disk that is busy with them keeps the log's writes waiting. */
const stepSizeBytes = 512 * 1024;

const zeros = new Uint8Array(stepSizeBytes);

/** A durable file of zeros in the making: what is written over them later changes neither its size nor where it lies. */
export class ZeroFile {
  readonly #disk: Disk;
  readonly path: string;
  readonly #sizeBytes: number;
  #file: DiskFile | undefined;
  #madeBytes = 0;
  #wantedBytes = 0;
  #growing: Promise<void> | undefined;
  #failed = false;

  constructor(disk: Disk, path: string, sizeBytes: number) {
    this.#disk = disk;
    this.path = path;
    this.#sizeBytes = sizeBytes;
  }

  /** Goes on in the background until so much of it is made. After a failure nothing is tried before whole(). */
  grow(toBytes: number): void {
    this.#wantedBytes = Math.max(this.#wantedBytes, Math.min(toBytes, this.#sizeBytes));
    if (this.#failed || this.#madeBytes >= this.#wantedBytes) return;
    this.#growing ??= this.#make()
      .catch(() => void (this.#failed = true))
      .finally(() => void (this.#growing = undefined));
  }

  /**
   * The file, with what was still missing of it. It belongs to the caller then.
   * @throws DiskError
   */
  async whole(): Promise<DiskFile> {
    await this.#growing;
    this.#wantedBytes = this.#sizeBytes;
    if (this.#madeBytes < this.#sizeBytes) await this.#make();
    return this.#file!;
  }

  async close(): Promise<void> {
    await this.#growing;
    await this.#file?.close();
  }

  async #make(): Promise<void> {
    this.#file ??= await this.#begin();
    const file = this.#file;
    try {
      while (this.#madeBytes < this.#wantedBytes) {
        const step = Math.min(stepSizeBytes, this.#sizeBytes - this.#madeBytes);
        await file.write(this.#madeBytes, [zeros.subarray(0, step)]);
        await file.sync();
        this.#madeBytes += step;
      }
    } catch (error) {
      this.#file = undefined;
      this.#madeBytes = 0;
      await file.close();
      // On a full disk what was written of it takes space that others may need.
      await this.#disk.remove(this.path);
      throw error;
    }
  }

  async #begin(): Promise<DiskFile> {
    const file = await this.#disk.open(this.path, { create: true });
    try {
      // A file of that name may be left from before.
      await file.truncate(0);
    } catch (error) {
      await file.close();
      await this.#disk.remove(this.path);
      throw error;
    }
    return file;
  }
}
