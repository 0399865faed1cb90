import { randomInt, type RandomSource } from '../../base/prng.js';
import { DiskError, type Disk, type DiskFile } from '../../ports/disk.js';

const sectorSizeBytes = 512;

/** One file: what is durable, and what a crash may take. */
class Content {
  /** As programs see it. */
  bytes = new Uint8Array(0);
  /** As the platters have it. */
  durable = new Uint8Array(0);
  /** Sectors that differ, maybe. */
  readonly dirty = new Set<number>();

  write(position: number, chunks: readonly Uint8Array[]): void {
    let end = position;
    for (const chunk of chunks) end += chunk.length;
    if (end > this.bytes.length) this.bytes = resized(this.bytes, end);
    let at = position;
    for (const chunk of chunks) {
      this.bytes.set(chunk, at);
      at += chunk.length;
    }
    for (let sector = Math.floor(position / sectorSizeBytes); sector * sectorSizeBytes < end; sector++) {
      this.dirty.add(sector);
    }
  }

  truncate(sizeBytes: number): void {
    // What is cut off may grow again, as zeros.
    for (let at = sizeBytes; at < this.bytes.length; at += sectorSizeBytes) {
      this.dirty.add(Math.floor(at / sectorSizeBytes));
    }
    this.bytes = resized(this.bytes, sizeBytes);
  }

  sync(): void {
    if (this.durable.length !== this.bytes.length) this.durable = resized(this.durable, this.bytes.length);
    for (const sector of this.dirty) {
      const from = sector * sectorSizeBytes;
      if (from < this.bytes.length) this.durable.set(this.bytes.subarray(from, from + sectorSizeBytes), from);
    }
    this.dirty.clear();
  }

  /** What survives: of each sector that was not synced, the old or the new. */
  afterCrash(random: RandomSource): Uint8Array {
    const size = randomInt(random, 2) === 0 ? this.durable.length : this.bytes.length;
    const survived = resized(this.durable, size);
    for (const sector of this.dirty) {
      if (randomInt(random, 2) === 0) continue;
      const from = sector * sectorSizeBytes;
      const part = this.bytes.subarray(from, Math.min(from + sectorSizeBytes, size));
      if (from < size) survived.set(part, from);
    }
    return survived;
  }
}

function resized(bytes: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sizeBytes);
  whole.set(bytes.subarray(0, sizeBytes));
  return whole;
}

export type DiskOperation = 'open' | 'read' | 'write' | 'sync' | 'rename' | 'remove' | 'list';

/** Lets a test or the simulator decide about each operation: return an error to make it fail. */
export type DiskFaults = (operation: DiskOperation, path: string) => DiskError | undefined;

/** A data folder in memory that keeps apart what is durable. Deterministic: no timers, promises alone. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, Content>();
  readonly #folders = new Set<string>(['']);
  /** Bytes that fit; more is a full disk. */
  capacityBytes = Infinity;
  faults: DiskFaults = () => undefined;
  /** Set when the machine is gone: whatever its programs still do has no effect. */
  #crashed = false;

  /** The disk as it is found after a power loss. This one becomes useless. */
  crash(random: RandomSource): MemoryDisk {
    this.#crashed = true;
    const after = new MemoryDisk();
    for (const folder of this.#folders) after.#folders.add(folder);
    for (const [path, content] of this.#files) {
      const found = new Content();
      found.bytes = found.durable = new Uint8Array(content.afterCrash(random));
      after.#files.set(path, found);
    }
    return after;
  }

  /** Changes a bit of what is stored, as a failing medium would. */
  flipBit(path: string, position: number, bit: number): void {
    const content = this.#file(path);
    content.bytes[position]! ^= 1 << bit;
    content.durable = content.bytes.slice();
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let used = 0;
    for (const content of this.#files.values()) used += content.bytes.length;
    return used;
  }

  /** Of one file; 0 if there is none. */
  sizeOf(path: string): number {
    return this.#files.get(path)?.bytes.length ?? 0;
  }

  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  async #check(operation: DiskOperation, path: string): Promise<void> {
    await Promise.resolve();
    if (this.#crashed) await new Promise<never>(() => {});
    const fault = this.faults(operation, path);
    if (fault !== undefined) throw fault;
  }

  #file(path: string): Content {
    const content = this.#files.get(path);
    if (content === undefined) throw new DiskError('failed', `open ${path}: no such file`);
    return content;
  }

  #room(path: string, sizeBytes: number): void {
    if (this.usedBytes + sizeBytes > this.capacityBytes) {
      throw new DiskError('full', `write ${path}: no space left on the disk`);
    }
  }

  async open(path: string, options?: { create?: boolean }): Promise<DiskFile> {
    await this.#check('open', path);
    if (options?.create === true && !this.#files.has(path)) {
      if (!this.#folders.has(parentOf(path))) throw new DiskError('failed', `open ${path}: no such folder`);
      this.#files.set(path, new Content());
    }
    const content = this.#file(path);
    const check = (operation: DiskOperation): Promise<void> => this.#check(operation, path);
    const write = async (position: number, chunks: readonly Uint8Array[]): Promise<void> => {
      await check('write');
      let end = position;
      for (const chunk of chunks) end += chunk.length;
      this.#room(path, Math.max(0, end - content.bytes.length));
      content.write(position, chunks);
    };
    const sync = async (): Promise<void> => {
      await check('sync');
      content.sync();
    };
    return {
      sizeBytes: async () => {
        await check('read');
        return content.bytes.length;
      },
      read: async (position, lengthBytes) => {
        await check('read');
        return content.bytes.slice(position, position + lengthBytes);
      },
      write,
      writeDurable: async (position, chunks) => {
        await write(position, chunks);
        await sync();
      },
      sync,
      truncate: async (sizeBytes) => {
        await check('write');
        this.#room(path, Math.max(0, sizeBytes - content.bytes.length));
        content.truncate(sizeBytes);
      },
      close: () => Promise.resolve(),
    };
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    await this.#check('read', path);
    return this.#files.get(path)?.bytes.slice();
  }

  async writeFileDurable(path: string, bytes: Uint8Array): Promise<void> {
    await this.#check('write', path);
    if (!this.#folders.has(parentOf(path))) throw new DiskError('failed', `write ${path}: no such folder`);
    this.#room(path, bytes.length);
    const content = new Content();
    content.write(0, [bytes]);
    content.sync();
    this.#files.set(path, content);
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
    for (let folder = path; folder !== ''; folder = parentOf(folder)) this.#folders.add(folder);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#check('rename', from);
    if (this.#folders.has(from)) {
      this.#removeTree(to);
      for (const path of [...this.#files.keys()].filter((each) => each.startsWith(`${from}/`))) {
        this.#files.set(to + path.slice(from.length), this.#file(path));
        this.#files.delete(path);
      }
      this.#folders.delete(from);
      this.#folders.add(to);
      return;
    }
    const content = this.#file(from);
    this.#files.delete(from);
    this.#files.set(to, content);
  }

  async remove(path: string): Promise<void> {
    await this.#check('remove', path);
    this.#removeTree(path);
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
