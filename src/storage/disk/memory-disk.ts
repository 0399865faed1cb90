import type { RandomSource } from '../../base/prng.js';
import { DiskError, type Disk, type DiskFile } from '../../ports/disk.js';
import { Content, MemoryFile, sectorSizeBytes, type DiskOperation } from './memory-file.js';

/**
 * Lets a test or the simulator decide about each operation before it takes effect: return an error to make it
 * fail, a promise to make it take its time.
 */
export type DiskFaults = (
  operation: DiskOperation,
  path: string,
) => DiskError | undefined | Promise<DiskError | undefined>;

/** Called when an operation has taken effect; its caller is told when the promise resolves. */
export type DiskReport = (operation: DiskOperation, path: string) => Promise<void> | undefined;

/** A data folder in memory that keeps apart what is durable. Deterministic: no timers, promises alone. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, Content>();
  readonly #folders = new Set<string>(['']);
  /** Bytes that fit; more is a full disk. */
  capacityBytes = Infinity;
  /** Bytes of the same disk that others have taken. */
  takenByOthers: () => number = () => 0;
  faults: DiskFaults = () => undefined;
  report: DiskReport = () => undefined;
  /** Of what a failed write or sync leaves behind; undefined: a failed one leaves everything as it was. */
  damage: RandomSource | undefined;
  /** Syncs are reported without being done. */
  lies = false;
  /** Set when the machine is gone: whatever its programs still do has no effect. */
  #crashed = false;
  #openCount = 0;

  /** The disk as it is found after a power loss. This one becomes useless. */
  crash(random: RandomSource): MemoryDisk {
    this.#crashed = true;
    const after = new MemoryDisk();
    for (const folder of this.#folders) after.#folders.add(folder);
    for (const [path, content] of this.#files) {
      const found = new Content(path);
      found.bytes = found.durable = new Uint8Array(content.afterCrash(random));
      after.#files.set(path, found);
    }
    return after;
  }

  /**
   * The disk as the next process finds it after this one was killed: all that was written, and what of it is not
   * durable may still be lost by a later crash. This one becomes useless.
   */
  kill(): MemoryDisk {
    this.#crashed = true;
    const after = new MemoryDisk();
    for (const folder of this.#folders) after.#folders.add(folder);
    for (const [path, content] of this.#files) after.#files.set(path, content);
    return after;
  }

  /** What the disk had kept in a cache of its own is durable now. */
  syncAll(): void {
    for (const content of this.#files.values()) content.sync();
  }

  /** Changes a bit of what is stored, as a failing medium would. */
  flipBit(path: string, position: number, bit: number): void {
    const content = this.#file(path);
    content.bytes[position]! ^= 1 << bit;
    if (position < content.durable.length) content.durable[position]! ^= 1 << bit;
  }

  /** A sector of what is stored is gone, as if it had never been written. */
  loseSector(path: string, sector: number): void {
    const content = this.#file(path);
    const at = sector * sectorSizeBytes;
    for (const bytes of [content.bytes, content.durable]) bytes.fill(0, at, at + sectorSizeBytes);
    content.dirty.delete(sector);
  }

  /** What programs see of a file. */
  contentOf(path: string): Uint8Array {
    return this.#file(path).bytes.slice();
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let used = 0;
    for (const content of this.#files.values()) used += content.bytes.length;
    return used;
  }

  get freeBytes(): number {
    if (this.capacityBytes === Infinity) return Infinity;
    return this.capacityBytes - this.usedBytes - this.takenByOthers();
  }

  /** Of one file; 0 if there is none. */
  sizeOf(path: string): number {
    return this.#files.get(path)?.bytes.length ?? 0;
  }

  /** Files that somebody has opened and not closed. */
  get openCount(): number {
    return this.#openCount;
  }

  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  async #begin(operation: DiskOperation, path: string): Promise<DiskError | undefined> {
    await Promise.resolve();
    if (this.#crashed) await new Promise<never>(() => {});
    const decided = this.faults(operation, path);
    if (!(decided instanceof Promise)) return decided;
    const fault = await decided;
    if (this.#crashed) await new Promise<never>(() => {});
    return fault;
  }

  async #check(operation: DiskOperation, path: string): Promise<void> {
    const fault = await this.#begin(operation, path);
    if (fault !== undefined) throw fault;
  }

  async #done(operation: DiskOperation, path: string): Promise<void> {
    await this.report(operation, path);
    if (this.#crashed) await new Promise<never>(() => {});
  }

  #file(path: string): Content {
    const content = this.#files.get(path);
    if (content === undefined) throw new DiskError('failed', `open ${path}: no such file`);
    return content;
  }

  #refuseFolder(what: string, path: string): void {
    if (this.#folders.has(path)) throw new DiskError('failed', `${what}: ${path} is a folder`);
  }

  #room(path: string, sizeBytes: number): void {
    if (sizeBytes > this.freeBytes) {
      throw new DiskError('full', `write ${path}: no space left on the disk`);
    }
  }

  async open(path: string, options?: { create?: boolean }): Promise<DiskFile> {
    await this.#check('open', path);
    this.#refuseFolder(`open ${path}`, path);
    if (options?.create === true && !this.#files.has(path)) {
      if (!this.#folders.has(parentOf(path))) throw new DiskError('failed', `open ${path}: no such folder`);
      this.#files.set(path, new Content(path));
    }
    const content = this.#file(path);
    this.#openCount++;
    return new MemoryFile(content, {
      begin: (operation) => this.#begin(operation, content.path),
      done: (operation) => this.#done(operation, content.path),
      closed: () => {
        this.#openCount--;
      },
      room: (sizeBytes) => this.#room(content.path, sizeBytes),
      damage: () => this.damage,
      lies: () => this.lies,
    });
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    await this.#check('read', path);
    this.#refuseFolder(`read ${path}`, path);
    return this.#files.get(path)?.bytes.slice();
  }

  async writeFileDurable(path: string, bytes: Uint8Array): Promise<void> {
    await this.#check('write', path);
    this.#refuseFolder(`write ${path}`, path);
    if (!this.#folders.has(parentOf(path))) throw new DiskError('failed', `write ${path}: no such folder`);
    this.#room(path, bytes.length);
    const content = new Content(path);
    content.write(0, [bytes]);
    content.sync();
    this.#files.set(path, content);
    await this.#done('write', path);
  }

  async list(folder: string): Promise<string[]> {
    await this.#check('list', folder);
    const names = new Set<string>();
    const prefix = folder === '' ? '' : `${folder}/`;
    for (const path of [...this.#files.keys(), ...this.#folders]) {
      if (path !== '' && path !== folder && path.startsWith(prefix)) {
        names.add(path.slice(prefix.length).split('/')[0]!);
      }
    }
    return [...names].sort();
  }

  async makeFolder(path: string): Promise<void> {
    await this.#check('open', path);
    const folders: string[] = [];
    for (let folder = path; folder !== ''; folder = parentOf(folder)) folders.push(folder);
    const file = folders.find((folder) => this.#files.has(folder));
    if (file !== undefined) throw new DiskError('failed', `make folder ${path}: ${file} is a file`);
    for (const folder of folders) this.#folders.add(folder);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#check('rename', from);
    const content = this.#file(from);
    this.#refuseFolder(`rename ${from}`, to);
    if (!this.#folders.has(parentOf(to))) throw new DiskError('failed', `rename ${from}: no such folder`);
    this.#files.delete(from);
    this.#files.set(to, content);
    content.path = to;
    await this.#done('rename', from);
  }

  async remove(path: string): Promise<void> {
    await this.#check('remove', path);
    this.#removeTree(path);
    await this.#done('remove', path);
  }

  async space(): Promise<number> {
    await this.#check('read', '');
    return Math.max(0, this.freeBytes);
  }

  #removeTree(path: string): void {
    this.#files.delete(path);
    this.#folders.delete(path);
    for (const each of [...this.#files.keys()]) if (each.startsWith(`${path}/`)) this.#files.delete(each);
    for (const each of [...this.#folders]) if (each.startsWith(`${path}/`)) this.#folders.delete(each);
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}
