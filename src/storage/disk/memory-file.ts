import { randomInt, type RandomSource } from '../../base/prng.js';
import { DiskError, type DiskFile } from '../../ports/disk.js';

export type DiskOperation = 'open' | 'read' | 'write' | 'sync' | 'rename' | 'remove' | 'list';

/** What a disk writes as a whole or not at all. */
export const sectorSizeBytes = 512;

/** The bytes of one file: what is durable, and what a crash may take. */
export class Content {
  /** Where it is found; as it was where it is not any more. */
  path: string;
  /** As programs see it. */
  bytes = new Uint8Array(0);
  /** As the platters have it. */
  durable = new Uint8Array(0);
  /** Sectors that differ, maybe. */
  readonly dirty = new Set<number>();

  constructor(path: string) {
    this.path = path;
  }

  write(position: number, chunks: readonly Uint8Array[]): void {
    let end = position;
    for (const chunk of chunks) end += chunk.length;
    if (end === position) return;
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

  /** Of sectors from `from` on to before `to`; of all by default. The size is durable too. */
  sync(from = 0, to = Infinity): void {
    if (this.durable.length !== this.bytes.length) this.durable = resized(this.durable, this.bytes.length);
    for (const sector of this.dirty) {
      const at = sector * sectorSizeBytes;
      if (at + sectorSizeBytes <= from || at >= to) continue;
      if (at < this.bytes.length) this.durable.set(this.bytes.subarray(at, at + sectorSizeBytes), at);
      this.dirty.delete(sector);
    }
  }

  /** A sync that reported an error: some of it is durable, and the system takes the rest for written (fsyncgate). */
  syncFailed(random: RandomSource): void {
    this.durable = this.afterCrash(random);
    this.dirty.clear();
  }

  /**
   * What survives: of each sector that was not synced, the old or the new, and the old size, the new one, or one between
   * them at the end of a sector: a system notes a size once what it covers was written, page by page. A file that ended
   * within a sector that was written as a whole could not be told from one that rotted.
   */
  afterCrash(random: RandomSource): Uint8Array<ArrayBuffer> {
    const [least, most] = [this.durable.length, this.bytes.length].sort((left, right) => left - right);
    const drawn = least! + randomInt(random, most! - least! + 1);
    const between = Math.max(least!, Math.floor(drawn / sectorSizeBytes) * sectorSizeBytes);
    const size = [least!, most!, between][randomInt(random, 3)]!;
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

/** What the disk around a file has to say about its operations. */
export interface FileHooks {
  begin(operation: DiskOperation): Promise<DiskError | undefined>;
  done(operation: DiskOperation): Promise<void>;
  closed(): void;
  /** Throws DiskError when so many bytes more do not fit. */
  room(sizeBytes: number): void;
  damage(): RandomSource | undefined;
  /** Syncs are reported without being done. */
  lies(): boolean;
}

/** One open file of a MemoryDisk. */
export class MemoryFile implements DiskFile {
  readonly #content: Content;
  readonly #hooks: FileHooks;
  #closed = false;

  constructor(content: Content, hooks: FileHooks) {
    this.#content = content;
    this.#hooks = hooks;
  }

  async #begin(operation: DiskOperation): Promise<DiskError | undefined> {
    if (this.#closed) throw new DiskError('failed', `${operation}: the file is closed`);
    return this.#hooks.begin(operation);
  }

  async #check(operation: DiskOperation): Promise<void> {
    const fault = await this.#begin(operation);
    if (fault !== undefined) throw fault;
  }

  async sizeBytes(): Promise<number> {
    await this.#check('read');
    return this.#content.bytes.length;
  }

  async read(position: number, lengthBytes: number): Promise<Uint8Array> {
    await this.#check('read');
    return this.#content.bytes.slice(position, position + lengthBytes);
  }

  async write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#write(position, chunks);
    await this.#hooks.done('write');
  }

  async #write(position: number, chunks: readonly Uint8Array[]): Promise<number> {
    const fault = await this.#begin('write');
    let sizeBytes = 0;
    for (const chunk of chunks) sizeBytes += chunk.length;
    if (fault !== undefined) {
      const damage = this.#hooks.damage();
      if (damage !== undefined) this.#writePart(position, chunks, randomInt(damage, sizeBytes + 1));
      throw fault;
    }
    this.#hooks.room(Math.max(0, position + sizeBytes - this.#content.bytes.length));
    this.#content.write(position, chunks);
    return sizeBytes;
  }

  /** Up to `sizeBytes`, in whole sectors: systems stop at the border of a page. */
  #writePart(position: number, chunks: readonly Uint8Array[], sizeBytes: number): void {
    const end = Math.floor((position + sizeBytes) / sectorSizeBytes) * sectorSizeBytes;
    let at = position;
    for (const chunk of chunks) {
      const part = chunk.subarray(0, Math.max(0, end - at));
      if (part.length > 0) this.#content.write(at, [part]);
      at += chunk.length;
    }
  }

  async writeDurable(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    const sizeBytes = await this.#write(position, chunks);
    await this.#sync(position, position + sizeBytes);
  }

  sync(): Promise<void> {
    return this.#sync(0, Infinity);
  }

  async #sync(from: number, to: number): Promise<void> {
    const fault = await this.#begin('sync');
    const damage = this.#hooks.damage();
    if (!this.#hooks.lies()) {
      if (fault === undefined) this.#content.sync(from, to);
      else if (damage !== undefined) this.#content.syncFailed(damage);
    }
    if (fault !== undefined) throw fault;
    await this.#hooks.done('sync');
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#check('write');
    this.#hooks.room(Math.max(0, sizeBytes - this.#content.bytes.length));
    this.#content.truncate(sizeBytes);
    await this.#hooks.done('write');
  }

  close(): Promise<void> {
    if (!this.#closed) this.#hooks.closed();
    this.#closed = true;
    return Promise.resolve();
  }
}
