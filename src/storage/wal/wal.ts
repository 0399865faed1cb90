import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors.js';
import { noMember, type ClusterId, type Index, type MemberId, type Term } from '../../base/ids.js';
import type { Disk, DiskFile } from '../../ports/disk.js';
import type { Entry, HardState } from '../../raft/types.js';
import { LogExtents, type RecordPlace } from './extents.js';
import { newestLogFormat, RecordWriter, segmentHeaderSizeBytes, type LogFormat } from './format.js';
import { readExtent } from './read-extent.js';
import { Recovery, type WalEnd, type WalRecovered } from './recover.js';
import { beginSegment, parseSegmentName, segmentName, type SegmentName } from './segments.js';
import { ZeroFile } from './zero-file.js';

export type { WalRecovered } from './recover.js';

export interface WalOptions {
  /** Of one segment file, written with zeros ahead of time. A batch that is larger makes its segment larger. */
  readonly segmentSizeBytes: number;
  /** Of what goes to disk in one write; more is split into several. */
  readonly batchSizeBytesMax: number;
  /** Of segments that are begun; for tests and the simulator, which upgrade a log. */
  readonly format: LogFormat;
}

export const walDefaults: WalOptions = {
  segmentSizeBytes: 16 * 1024 * 1024,
  batchSizeBytesMax: 8 * 1024 * 1024,
  format: newestLogFormat,
};

interface Owner {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
}

export interface WalBatch {
  /** What of it is left out stays as it was written last. Neither term nor vote is ever taken back. */
  readonly hardState?: Partial<HardState> | undefined;
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
  readonly #extents: LogExtents;
  /** Entries of the batch that is being written, and where they will stand. */
  #written: { readonly index: Index; readonly place: RecordPlace }[] = [];
  /** Of extents, under way, by the sequence of their segment, which is not removed meanwhile. */
  readonly #reads = new Map<Promise<unknown>, number>();
  #file: DiskFile;
  /** Of the last segment: one that was begun in an older format goes on in it. */
  #format: LogFormat;
  #position: number;
  #crc: number;
  /** Batches in the last segment. */
  #batch: number;
  #last: { index: Index; term: Term };
  #hardState: HardState;
  #queue: Work[] = [];
  #running: Promise<void> | undefined;
  #cutting: Promise<void> = Promise.resolve();
  /** The next segment, being made ahead of time. */
  #spare: ZeroFile | undefined;
  #failure: Error | undefined;
  #closed: Promise<void> | undefined;

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
    this.#extents = state.end.extents;
    this.#format = state.end.format;
    this.#position = state.end.position;
    this.#crc = state.end.crc;
    this.#batch = state.end.batch;
    this.#last = state.last;
    this.#hardState = state.hardState;
  }

  /** Whether the folder holds a log; one whose making was cut short is none. */
  static async exists(disk: Disk, folder: string): Promise<boolean> {
    return (await disk.list(folder)).some((name) => parseSegmentName(name) !== undefined);
  }

  /** Makes a new, empty, durable log. */
  static async create(disk: Disk, folder: string, options: Partial<WalOptions>, owner: Owner): Promise<Wal> {
    const all = { ...walDefaults, ...options };
    const hardState = { term: 0, vote: 0n, commit: 0 };
    const name = segmentName(1, 1);
    await disk.makeFolder(folder);
    const path = `${folder}/first.tmp`;
    const file = await new ZeroFile(disk, path, all.segmentSizeBytes).whole();
    await beginSegment(
      disk,
      `${folder}/${name.name}`,
      { file, path },
      {
        ...owner,
        format: all.format,
        sequence: 1,
        previousIndex: 0,
        previousTerm: 0,
        hardState,
        previousCrc: 0,
        sizeBytesMin: all.segmentSizeBytes,
      },
    );
    return new Wal(disk, folder, all, owner, file, {
      end: {
        segments: [name],
        extents: new LogExtents(),
        format: all.format,
        position: segmentHeaderSizeBytes,
        crc: 0,
        batch: 0,
        lastBatch: new Uint8Array(),
        fileSizeBytes: all.segmentSizeBytes,
      },
      last: { index: 0, term: 0 },
      hardState,
    });
  }

  /**
   * Opens the log that is there, with a torn tail cut away. What it gives back is durable.
   * @param heldBehind entries up to this one are not given back: read() reads them
   * @throws KvorumError DATA_DAMAGED, DATA_FOLDER_MISMATCH
   */
  static async open(
    disk: Disk,
    folder: string,
    options: Partial<WalOptions>,
    owner: Owner,
    heldBehind: Index = 0,
  ): Promise<{ wal: Wal; recovered: WalRecovered }> {
    const all = { ...walDefaults, ...options };
    const { recovered, end } = await new Recovery(disk, folder, owner, heldBehind).run();
    // With `create` the folder entry is made durable: the process that made it may not have come to that.
    const file = await disk.open(`${folder}/${end.segments.at(-1)!.name}`, { create: true });
    try {
      // What is left of a torn write must not meet the records that will be written there.
      const tornBytes = recovered.tornTailBytes > 0 ? end.fileSizeBytes - end.position : 0;
      const from = end.position - end.lastBatch.length;
      await file.writeDurable(from, [end.lastBatch, new Uint8Array(tornBytes)]);
    } catch (error) {
      await file.close();
      throw error;
    }
    const { terms } = recovered;
    const wal = new Wal(disk, folder, all, owner, file, {
      end,
      last: { index: terms.lastIndex, term: terms.lastTerm },
      hardState: recovered.hardState,
    });
    return { wal, recovered };
  }

  /** Bytes of all segments, as preallocated. */
  get sizeBytes(): number {
    return this.#segments.length * this.#options.segmentSizeBytes;
  }

  /**
   * Resolves when hard state and entries are durable, after everything appended before. Fails at a term or vote that goes
   * back.
   */
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

  /**
   * Durable entries from `from` on, about as many as are read at once; at least one.
   * @returns undefined where the log does not hold `from`, or is closed
   * @throws KvorumError DATA_DAMAGED; DiskError
   */
  async read(from: Index): Promise<readonly Entry[] | undefined> {
    const extent = this.#extents.find(from);
    if (extent === undefined || this.#closed !== undefined) return undefined;
    const segment = this.#segments.find(({ sequence }) => sequence === extent.sequence);
    assert(segment !== undefined, `segment ${extent.sequence} is there as long as its extents are`);
    const reading = readExtent(this.#disk, `${this.#folder}/${segment.name}`, extent, from);
    const end = (): void => void this.#reads.delete(reading);
    this.#reads.set(reading, extent.sequence);
    reading.then(end, end);
    return await reading;
  }

  /** What each of the extents of the log ends with, and how many bytes it takes; ascending. */
  *sizes(): Iterable<{ readonly index: Index; readonly sizeBytes: number }> {
    for (const { lastIndex, position, end } of this.#extents.all) {
      yield { index: lastIndex, sizeBytes: end - position };
    }
  }

  /**
   * Entries up to `index` are needed no more: whole segments before it are removed, the oldest first. Does nothing
   * to a closed log.
   */
  cut(index: Index): Promise<void> {
    if (this.#closed !== undefined) return Promise.resolve();
    // One after the other: were a newer segment's removal durable before an older one's, a gap would be left.
    this.#cutting = this.#cutting.then(() => this.#removeBefore(index));
    return this.#cutting;
  }

  async #removeBefore(index: Index): Promise<void> {
    // A segment that began when the log was longer, and was overwritten, holds the ones before it up: on its own it
    // would look like a log that begins behind them.
    while (this.#segments.length > 1 && this.#segments[1]!.firstIndex <= index + 1) {
      const { name, sequence } = this.#segments[0]!;
      this.#extents.forgetBefore(sequence + 1);
      await Promise.allSettled([...this.#reads].flatMap(([read, of]) => (of === sequence ? [read] : [])));
      await this.#disk.remove(`${this.#folder}/${name}`);
      this.#segments.shift();
    }
  }

  /** Ends after what is being written. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#running;
    await this.#cutting.catch(() => {
      // Told to whoever asked for the cut.
    });
    await Promise.allSettled(this.#reads.keys());
    try {
      await this.#spare?.close();
    } finally {
      await this.#file.close();
    }
  }

  #enqueue(make: (done: () => void, failed: Failed) => Work): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      if (this.#closed !== undefined) {
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
    let hardState = this.#hardState;
    for (const work of works) {
      if (work.kind === 'append') hardState = this.#gather(work.batch, hardState);
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
    this.#hardState = hardState;
    for (const work of works) {
      if (work.kind !== 'append') continue;
      const last = work.batch.entries.at(-1);
      if (last !== undefined) this.#last = { index: last.index, term: last.term };
    }
    this.#prepareNext();
  }

  /** Keeps pace with what is written, in the second half of the segment: whole when four fifths of that are full. */
  #prepareNext(): void {
    const { segmentSizeBytes } = this.#options;
    const secondHalf = (2 * this.#position) / segmentSizeBytes - 1;
    if (secondHalf <= 0) return;
    this.#spare ??= this.#makeSpare();
    // Space may come before the segment is full: #roll tries again, and fails if it must.
    this.#spare.grow(1.25 * secondHalf * segmentSizeBytes);
  }

  /**
   * Term and vote go before the entries, which may be of that term. A commit index goes behind the entries that it
   * counts: where they are torn away, it would commit what they were to replace.
   * @returns the hard state behind the batch, given the one before it
   */
  #gather({ hardState: changes, entries }: WalBatch, last: HardState): HardState {
    if (changes === undefined) {
      this.#gatherEntries(entries);
      return last;
    }
    const hardState = { ...last, ...changes };
    const keepsVote = hardState.vote === last.vote || last.vote === noMember;
    assert(
      hardState.term > last.term || (hardState.term === last.term && keepsVote),
      `vote ${hardState.vote} of term ${hardState.term} goes behind ${last.vote} of term ${last.term}`,
    );
    const before = entries[0] === undefined ? Infinity : entries[0].index - 1;
    this.#writer.hardState({ ...hardState, commit: Math.min(hardState.commit, before) });
    this.#gatherEntries(entries);
    if (hardState.commit > before) this.#writer.hardState(hardState);
    return hardState;
  }

  #gatherEntries(entries: readonly Entry[]): void {
    const { sequence } = this.#segments.at(-1)!;
    for (const entry of entries) {
      const { crc: previousCrc } = this.#writer;
      const position = this.#position + this.#writer.length;
      this.#writer.entry(entry);
      const end = this.#position + this.#writer.length;
      const place = { sequence, format: this.#format, position, previousCrc, end };
      this.#written.push({ index: entry.index, place });
    }
  }

  async #writeReset(work: Work): Promise<void> {
    assert(work.kind === 'reset', 'a reset is written alone');
    this.#beginBatch();
    this.#writer.reset(work.index, work.term);
    await this.#flushBatch();
    this.#last = { index: work.index, term: work.term };
    this.#extents.clear();
    await this.#roll();
    await this.cut(work.index);
  }

  #beginBatch(): void {
    this.#written = [];
    this.#writer.begin({
      format: this.#format,
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
    for (const { index, place } of this.#written) this.#extents.add(index, place);
    this.#written = [];
  }

  #makeSpare(): ZeroFile {
    return new ZeroFile(this.#disk, `${this.#folder}/spare.tmp`, this.#options.segmentSizeBytes);
  }

  async #roll(): Promise<void> {
    const spare = this.#spare ?? this.#makeSpare();
    const file = await spare.whole();
    this.#spare = undefined;
    const next = segmentName(this.#segments.at(-1)!.sequence + 1, this.#last.index + 1);
    await beginSegment(
      this.#disk,
      `${this.#folder}/${next.name}`,
      { file, path: spare.path },
      {
        ...this.#owner,
        format: this.#options.format,
        sequence: next.sequence,
        previousIndex: this.#last.index,
        previousTerm: this.#last.term,
        hardState: this.#hardState,
        previousCrc: this.#crc,
        sizeBytesMin: this.#options.segmentSizeBytes,
      },
    );
    const before = this.#file;
    this.#file = file;
    this.#segments.push(next);
    this.#format = this.#options.format;
    this.#position = segmentHeaderSizeBytes;
    this.#batch = 0;
    await before.close();
  }
}
