import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors.js';
import type { ClusterId, Index, MemberId, Term } from '../../base/ids.js';
import { DiskError, type Disk, type DiskFile } from '../../ports/disk.js';
import type { Entry, HardState } from '../../raft/types.js';
import { encodeSegmentHeader, RecordWriter, segmentHeaderSizeBytes } from './format.js';
import { Recovery, type WalEnd, type WalRecovered } from './recover.js';
import { segmentName, type SegmentName } from './segments.js';

export type { WalRecovered } from './recover.js';

export interface WalOptions {
  /** Of one segment file, written with zeros ahead of time. A batch that is larger makes its segment larger. */
  readonly segmentSizeBytes: number;
  /** Of what goes to disk in one write; more is split into several. */
  readonly batchSizeBytesMax: number;
}

export const walDefaults: WalOptions = {
  segmentSizeBytes: 16 * 1024 * 1024,
  batchSizeBytesMax: 8 * 1024 * 1024,
};

interface Owner {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
}

export interface WalBatch {
  readonly hardState?: HardState | undefined;
  readonly entries: readonly Entry[];
}

type Work =
  | { readonly kind: 'append'; readonly batch: WalBatch; readonly done: () => void; readonly failed: Failed }
  | {
      readonly kind: 'reset';
      readonly index: Index;
      readonly term: Term;
      readonly done: () => void;
      readonly failed: Failed;
    };

type Failed = (error: unknown) => void;

/**
 * The Raft log on disk. What is appended while a write is under way is gathered and leaves as one write and one
 * sync. After a failed write nothing is acknowledged any more: the log must be opened anew.
 */
export class Wal {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #options: WalOptions;
  readonly #owner: Owner;
  readonly #writer = new RecordWriter();
  #segments: SegmentName[];
  #file: DiskFile;
  #position: number;
  #crc: number;
  #batch: number;
  #last: { index: Index; term: Term };
  #hardState: HardState;
  #queue: Work[] = [];
  #running: Promise<void> | undefined;
  #spare: Promise<string | undefined> | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(
    disk: Disk,
    folder: string,
    options: WalOptions,
    owner: Owner,
    file: DiskFile,
    state: { end: WalEnd; last: { index: Index; term: Term }; hardState: HardState },
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#options = options;
    this.#owner = owner;
    this.#file = file;
    this.#segments = [...state.end.segments];
    this.#position = state.end.position;
    this.#crc = state.end.crc;
    this.#batch = state.end.batch;
    this.#last = state.last;
    this.#hardState = state.hardState;
  }

  /** Makes a new, empty, durable log. */
  static async create(disk: Disk, folder: string, options: Partial<WalOptions>, owner: Owner): Promise<Wal> {
    const all = { ...walDefaults, ...options };
    const hardState = { term: 0, vote: 0n, commit: 0 };
    const name = segmentName(1, 1);
    // Made under another name: a log folder with no whole segment would look like a lost log.
    await disk.makeFolder(folder);
    const temporary = `${folder}/first.tmp`;
    const file = await disk.open(temporary, { create: true });
    const header = encodeSegmentHeader({
      ...owner,
      sequence: 1,
      previousIndex: 0,
      previousTerm: 0,
      hardState,
      previousCrc: 0,
    });
    await file.writeDurable(0, [header, new Uint8Array(all.segmentSizeBytes - header.length)]);
    await file.close();
    await disk.rename(temporary, `${folder}/${name.name}`);
    return new Wal(disk, folder, all, owner, await disk.open(`${folder}/${name.name}`), {
      end: {
        segments: [name],
        position: segmentHeaderSizeBytes,
        crc: 0,
        batch: 0,
        fileSizeBytes: all.segmentSizeBytes,
        unfinished: [],
      },
      last: { index: 0, term: 0 },
      hardState,
    });
  }

  /**
   * Opens the log that is there, with a torn tail cut away.
   * @throws KvorumError DATA_DAMAGED, DATA_FOLDER_MISMATCH
   */
  static async open(
    disk: Disk,
    folder: string,
    options: Partial<WalOptions>,
    owner: Owner,
  ): Promise<{ wal: Wal; recovered: WalRecovered }> {
    const all = { ...walDefaults, ...options };
    const { recovered, end } = await new Recovery(disk, folder, owner).run();
    for (const name of end.unfinished) await disk.remove(`${folder}/${name}`);
    const file = await disk.open(`${folder}/${end.segments.at(-1)!.name}`);
    if (recovered.tornTailBytes > 0) {
      // What is left of a torn write must not meet the records that will be written there.
      await file.writeDurable(end.position, [new Uint8Array(end.fileSizeBytes - end.position)]);
    }
    const last = recovered.entries.at(-1) ?? recovered.base;
    const wal = new Wal(disk, folder, all, owner, file, {
      end,
      last: { index: last.index, term: last.term },
      hardState: recovered.hardState,
    });
    return { wal, recovered };
  }

  /** Bytes of all segments, as preallocated. */
  get sizeBytes(): number {
    return this.#segments.length * this.#options.segmentSizeBytes;
  }

  /** Resolves when hard state and entries are durable, after everything appended before. */
  append(batch: WalBatch): Promise<void> {
    return this.#enqueue((done, failed) => ({ kind: 'append', batch, done, failed }));
  }

  /** The log is empty behind a snapshot at `position`; the hard state stays. Old segments are removed. */
  reset(position: { readonly index: Index; readonly term: Term }): Promise<void> {
    return this.#enqueue((done, failed) => ({
      kind: 'reset',
      index: position.index,
      term: position.term,
      done,
      failed,
    }));
  }

  /** Entries up to `index` are needed no more: whole segments before it are removed. */
  async cut(index: Index): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1]!.firstIndex <= index + 1) {
      const gone = this.#segments.shift()!;
      await this.#disk.remove(`${this.#folder}/${gone.name}`);
    }
  }

  /** Ends after what is being written. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#spare;
    await this.#file.close();
  }

  #enqueue(make: (done: () => void, failed: Failed) => Work): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      if (this.#closed) {
        reject(new KvorumError('MEMBER_STOPPING', 'the log is closed'));
        return;
      }
      this.#queue.push(make(resolve, reject));
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const works = this.#takeWorks();
      try {
        await (works[0]!.kind === 'reset' ? this.#writeReset(works[0]!) : this.#writeBatch(works));
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        for (const work of [...works, ...this.#queue]) work.failed(error);
        this.#queue = [];
        break;
      }
      for (const work of works) work.done();
    }
    this.#running = undefined;
  }

  /** What leaves in the next write: appends up to the size of a batch, or one reset. */
  #takeWorks(): Work[] {
    const works: Work[] = [];
    let sizeBytes = 0;
    for (const work of this.#queue) {
      if (works.length > 0 && (work.kind === 'reset' || works[0]!.kind === 'reset')) break;
      if (works.length > 0 && sizeBytes > this.#options.batchSizeBytesMax) break;
      works.push(work);
      if (work.kind === 'append') for (const entry of work.batch.entries) sizeBytes += entry.data.length;
    }
    this.#queue = this.#queue.slice(works.length);
    return works;
  }

  async #writeBatch(works: readonly Work[]): Promise<void> {
    this.#beginBatch();
    for (const work of works) {
      if (work.kind !== 'append') continue;
      if (work.batch.hardState !== undefined) this.#writer.hardState(work.batch.hardState);
      for (const entry of work.batch.entries) this.#writer.entry(entry);
    }
    if (this.#writer.length === 0) return;
    if (
      this.#position + this.#writer.length > this.#options.segmentSizeBytes &&
      this.#position > segmentHeaderSizeBytes
    ) {
      await this.#roll();
      await this.#writeBatch(works);
      return;
    }
    await this.#flushBatch();
    for (const work of works) {
      if (work.kind !== 'append') continue;
      if (work.batch.hardState !== undefined) this.#hardState = work.batch.hardState;
      const last = work.batch.entries.at(-1);
      if (last !== undefined) this.#last = { index: last.index, term: last.term };
    }
    if (this.#position > this.#options.segmentSizeBytes / 2) this.#spare ??= this.#makeSpare();
  }

  async #writeReset(work: Work): Promise<void> {
    assert(work.kind === 'reset', 'a reset is written alone');
    this.#beginBatch();
    this.#writer.reset(work.index, work.term);
    await this.#flushBatch();
    this.#last = { index: work.index, term: work.term };
    await this.#roll();
    await this.cut(work.index);
  }

  #beginBatch(): void {
    this.#writer.begin({
      sequence: this.#segments.at(-1)!.sequence,
      position: this.#position,
      batch: this.#batch + 1,
      crc: this.#crc,
    });
  }

  async #flushBatch(): Promise<void> {
    await this.#file.writeDurable(this.#position, [this.#writer.bytes]);
    this.#position += this.#writer.length;
    this.#crc = this.#writer.crc;
    this.#batch++;
  }

  /** A file of zeros, written while there is still room in the current one. A failure is tried again by #roll. */
  async #makeSpare(): Promise<string | undefined> {
    const path = `${this.#folder}/spare.tmp`;
    try {
      const file = await this.#disk.open(path, { create: true });
      try {
        await file.truncate(0);
        await file.write(0, [new Uint8Array(this.#options.segmentSizeBytes)]);
        await file.sync();
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
  }

  async #roll(): Promise<void> {
    const spare = (await (this.#spare ?? this.#makeSpare())) ?? (await this.#makeSpare());
    this.#spare = undefined;
    if (spare === undefined) throw new DiskError('full', `no space for a new log segment in ${this.#folder}`);
    const sequence = this.#segments.at(-1)!.sequence + 1;
    const next = segmentName(sequence, this.#last.index + 1);
    const file = await this.#disk.open(spare);
    await file.writeDurable(0, [
      encodeSegmentHeader({
        ...this.#owner,
        sequence,
        previousIndex: this.#last.index,
        previousTerm: this.#last.term,
        hardState: this.#hardState,
        previousCrc: this.#crc,
      }),
    ]);
    await file.close();
    await this.#disk.rename(spare, `${this.#folder}/${next.name}`);
    const before = this.#file;
    this.#file = await this.#disk.open(`${this.#folder}/${next.name}`);
    await before.close();
    this.#segments.push(next);
    this.#position = segmentHeaderSizeBytes;
  }
}
