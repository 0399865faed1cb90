import type { Disk, DiskFile } from '../../ports/disk.js';
import type { DescriptorWait } from './descriptor-wait.js';

/** A disk that waits while there are no file descriptors. Open files need no further ones. */
export class PatientDisk implements Disk {
  readonly #disk: Disk;
  readonly #descriptors: DescriptorWait;

  constructor(disk: Disk, descriptors: DescriptorWait) {
    this.#disk = disk;
    this.#descriptors = descriptors;
  }

  open(path: string, options?: { create?: boolean }): Promise<DiskFile> {
    return this.#descriptors.run(() => this.#disk.open(path, options));
  }

  readFile(path: string): Promise<Uint8Array | undefined> {
    return this.#descriptors.run(() => this.#disk.readFile(path));
  }

  writeFileDurable(path: string, bytes: Uint8Array): Promise<void> {
    return this.#descriptors.run(() => this.#disk.writeFileDurable(path, bytes));
  }

  list(folder: string): Promise<string[]> {
    return this.#descriptors.run(() => this.#disk.list(folder));
  }

  makeFolder(path: string): Promise<void> {
    return this.#descriptors.run(() => this.#disk.makeFolder(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#descriptors.run(() => this.#disk.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#descriptors.run(() => this.#disk.remove(path));
  }

  space(): Promise<number> {
    return this.#descriptors.run(() => this.#disk.space());
  }
}
