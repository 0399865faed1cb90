import { ByteWriter } from '../../base/byte-stream.js';
import { crc32c } from '../../base/crc32c.js';
import { KvorumError } from '../../base/errors.js';
import { randomId, type RandomSource } from '../../base/prng.js';
import type { AppliedPosition, BackendInstall, BackendView } from '../../ports/backend.js';
import type { Clock } from '../../ports/clock.js';
import type { Disk, DiskFile } from '../../ports/disk.js';
import type { IncomingSnapshot, SnapshotHeader } from '../../ports/peers.js';
import { RowReader, writeRow } from './snapshot-format.js';
import { decodeHeader, encodeHeader } from './snapshot-header.js';

/** A finished file that can be sent to several members. */
export interface SnapshotFile {
  readonly header: SnapshotHeader;
  read(position: number, lengthBytes: number): Promise<Uint8Array>;
}

const chunkSizeBytes = 256 * 1024;
const outgoingPath = 'outgoing.rows';
const incomingPath = 'incoming.rows';
const incomingHeaderPath = 'incoming.json';

/**
 * Snapshot files of one member: the newest one that it made for others, and the one that it is being sent. The
 * latter survives a broken connection and a restart, and goes on where it stopped.
 */
export class SnapshotStore {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #random: RandomSource;
  readonly #clock: Clock;
  #latest: SnapshotFile | undefined;
  #latestFile: DiskFile | undefined;
  #closed = false;

  constructor(disk: Disk, folder: string, options: { readonly random: RandomSource; readonly clock: Clock }) {
    this.#disk = disk;
    this.#folder = folder;
    this.#random = options.random;
    this.#clock = options.clock;
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** The newest that create() made in this life of the member. */
  latest(): SnapshotFile | undefined {
    return this.#latest;
  }

  /** Writes the rows of `view` to a file, a chunk a turn, and makes it the latest. */
  async create(
    view: BackendView,
    of: Pick<SnapshotHeader, 'meta' | 'featureLevel'>,
    signal: AbortSignal,
  ): Promise<SnapshotFile> {
    await this.#disk.makeFolder(this.#folder);
    await this.dropLatest();
    const file = await this.#disk.open(this.#path(outgoingPath), { create: true });
    try {
      const written = await this.#writeRows(file, view, signal);
      this.#checkOpen();
      const header = { id: randomId(this.#random), ...of, ...written };
      this.#latestFile = file;
      this.#latest = { header, read: (position, lengthBytes) => file.read(position, lengthBytes) };
      return this.#latest;
    } catch (error) {
      await file.close();
      // On a full disk what was written of it takes space that others need.
      await this.#disk.remove(this.#path(outgoingPath));
      throw error;
    }
  }

  async #writeRows(
    file: DiskFile,
    view: BackendView,
    signal: AbortSignal,
  ): Promise<{ sizeBytes: number; crc: number }> {
    let sizeBytes = 0;
    let crc = 0;
    let writer = new ByteWriter(chunkSizeBytes);
    const flush = async (): Promise<void> => {
      const bytes = writer.finish();
      await file.write(sizeBytes, [bytes]);
      sizeBytes += bytes.length;
      crc = crc32c(bytes, crc);
      writer = new ByteWriter(chunkSizeBytes);
      signal.throwIfAborted();
      await new Promise<void>((resolve) => this.#clock.nextTurn(resolve));
    };
    for (const row of view.rows()) {
      writeRow(writer, row);
      if (writer.length >= chunkSizeBytes) await flush();
    }
    await flush();
    return { sizeBytes, crc };
  }

  /** Gives back the space of the latest, if there is one. A transfer of it that goes on breaks off. */
  async dropLatest(): Promise<void> {
    const file = this.#latestFile;
    this.#latest = undefined;
    this.#latestFile = undefined;
    await file?.close();
    await this.#disk.remove(this.#path(outgoingPath));
  }

  /** Ends the reading of the latest, and of what has arrived. A transfer that goes on breaks off. */
  async close(): Promise<void> {
    this.#closed = true;
    const file = this.#latestFile;
    this.#latest = undefined;
    this.#latestFile = undefined;
    await file?.close();
  }

  /** Prepares to take in the file that `header` describes; goes on with what is there of the same file. */
  async receive(header: SnapshotHeader): Promise<IncomingSnapshot> {
    this.#checkOpen();
    await this.#disk.makeFolder(this.#folder);
    const held = await this.#heldHeader();
    if (held?.id !== header.id) {
      await this.#disk.remove(this.#path(incomingPath));
      await this.#disk.writeFileDurable(this.#path(incomingHeaderPath), encodeHeader(header));
    }
    const file = await this.#disk.open(this.#path(incomingPath), { create: true });
    let heldBytes: number;
    try {
      heldBytes = await file.sizeBytes();
    } catch (error) {
      await file.close();
      throw error;
    }
    return {
      receivedBytes: Math.min(heldBytes, header.sizeBytes),
      write: async (position, bytes) => {
        if (position + bytes.length > header.sizeBytes) {
          throw new KvorumError('DATA_DAMAGED', `a snapshot of ${header.sizeBytes} bytes brings more`);
        }
        await file.write(position, [bytes]);
      },
      finish: async () => {
        try {
          if (await this.#isWhole(file, header)) return;
        } finally {
          await file.close();
        }
        await this.removeReceived();
        throw new KvorumError('DATA_DAMAGED', 'the snapshot arrived damaged; it is sent again');
      },
      suspend: async () => {
        try {
          await file.sync();
        } finally {
          await file.close();
        }
      },
    };
  }

  /** Copies the rows of the received file to `install`, which the caller then activates. */
  async install(header: SnapshotHeader, install: BackendInstall): Promise<void> {
    const file = await this.#disk.open(this.#path(incomingPath));
    try {
      const rows = new RowReader();
      for (let position = 0; position < header.sizeBytes; position += chunkSizeBytes) {
        const bytes = await file.read(position, Math.min(chunkSizeBytes, header.sizeBytes - position));
        for (const row of rows.push(bytes)) await install.add(row.table, row.key, row.value);
      }
      if (!rows.complete) {
        throw new KvorumError('DATA_DAMAGED', 'the received snapshot ends in the middle of a row');
      }
    } finally {
      await file.close();
    }
  }

  /** Whether the received file is of exactly this state: its installation may have been cut short. */
  async holds(position: AppliedPosition): Promise<boolean> {
    const held = await this.#heldHeader();
    return held?.meta.index === position.index && held.meta.term === position.term;
  }

  async #heldHeader(): Promise<SnapshotHeader | undefined> {
    const path = this.#path(incomingHeaderPath);
    const bytes = await this.#disk.readFile(path);
    return bytes === undefined ? undefined : decodeHeader(path, bytes);
  }

  /** Removes what an earlier life left, except a file on its way that is newer than `appliedIndex`. */
  async cleanUp(appliedIndex: number): Promise<void> {
    const names = await this.#disk.list(this.#folder);
    if (names.includes(outgoingPath)) await this.dropLatest();
    if (!names.includes(incomingPath) && !names.includes(incomingHeaderPath)) return;
    const held = await this.#heldHeader();
    if (held === undefined || held.meta.index <= appliedIndex) await this.removeReceived();
  }

  /** Makes the file durable, and reads it all, which is broken off by close(). */
  async #isWhole(file: DiskFile, { sizeBytes, crc }: SnapshotHeader): Promise<boolean> {
    await file.sync();
    if ((await file.sizeBytes()) !== sizeBytes) return false;
    let found = 0;
    for (let position = 0; position < sizeBytes; position += chunkSizeBytes) {
      this.#checkOpen();
      found = crc32c(await file.read(position, Math.min(chunkSizeBytes, sizeBytes - position)), found);
    }
    return found === crc;
  }

  #checkOpen(): void {
    if (this.#closed) throw new KvorumError('MEMBER_STOPPING', 'this member is stopping');
  }

  /** Gives back the space of the received file. The rows first: without a header they are never taken for whole. */
  async removeReceived(): Promise<void> {
    await this.#disk.remove(this.#path(incomingPath));
    await this.#disk.remove(this.#path(incomingHeaderPath));
  }
}
