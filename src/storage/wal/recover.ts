import { joinAnewAdvice } from '../../base/advice.js';
import { KvorumError } from '../../base/errors.js';
import type { ClusterId, Index, MemberId, Term } from '../../base/ids.js';
import { TermRuns } from '../../base/term-runs.js';
import type { Disk } from '../../ports/disk.js';
import type { Entry, HardState } from '../../raft/types.js';
import { LogExtents } from './extents.js';
import {
  asBuffer,
  decodeSegmentHeader,
  isZero,
  newestLogFormat,
  readRecord,
  recordHeadAt,
  recordHeaderSizeBytes,
  segmentHeaderSizeBytes,
  type LogFormat,
  type SegmentHeader,
  type WalRecord,
} from './format.js';
import { parseSegmentName, type SegmentName } from './segments.js';

/** What the log holds after a start. */
export interface WalRecovered {
  readonly hardState: HardState;
  /** Of all its entries. */
  readonly terms: TermRuns;
  /** Without a gap to the end: all, or those behind what was asked for. */
  readonly entries: readonly Entry[];
  /** Bytes of a write that was never acknowledged and is cut away; 0 usually. */
  readonly tornTailBytes: number;
}

/** Where writing goes on. */
export interface WalEnd {
  readonly segments: readonly SegmentName[];
  readonly extents: LogExtents;
  /** Of the last segment, as `position` and `batch`. */
  readonly format: LogFormat;
  readonly position: number;
  readonly crc: number;
  readonly batch: number;
  /** What was read of the last batch, up to `position`: of all that was read, this alone may not be durable. */
  readonly lastBatch: Uint8Array;
  /** Of the last segment. Behind a torn tail it is zero up to here only after it has been cleaned. */
  readonly fileSizeBytes: number;
}

const sectorSizeBytes = 512;

/** Replays a log folder. Throws KvorumError DATA_DAMAGED or DATA_FOLDER_MISMATCH. */
export class Recovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #expect: { readonly clusterId: ClusterId; readonly memberId: MemberId };
  #hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  #terms = new TermRuns(0, 0);
  /** The newest, without a gap. */
  #entries: Entry[] = [];
  readonly #extents = new LogExtents();
  readonly #heldBehind: Index;
  #crc = 0;
  /** Of the segment that is read. */
  #format: LogFormat = newestLogFormat;
  /** Of the record that was read last, counted in its segment. */
  #batch = 0;
  #batchPosition = segmentHeaderSizeBytes;
  #tornTailBytes = 0;

  /** @param heldBehind entries up to this one are read, and not kept in memory */
  constructor(
    disk: Disk,
    folder: string,
    expect: { readonly clusterId: ClusterId; readonly memberId: MemberId },
    heldBehind: Index = 0,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#expect = expect;
    this.#heldBehind = heldBehind;
  }

  async run(): Promise<{ recovered: WalRecovered; end: WalEnd }> {
    const names = (await this.#disk.list(this.#folder)).flatMap((name) => parseSegmentName(name) ?? []);
    names.sort((left, right) => left.sequence - right.sequence);
    if (names.length === 0) throw this.#damaged('', 'holds no segment: the log is missing');
    let position = 0;
    let bytes: Buffer = Buffer.alloc(0);
    for (const [at, segment] of names.entries()) {
      const path = `${this.#folder}/${segment.name}`;
      bytes = asBuffer((await this.#disk.readFile(path)) ?? new Uint8Array());
      const header = decodeSegmentHeader(path, bytes);
      // It was durable before the segment got its name.
      if (header === undefined) throw this.#damaged(segment.name, 'has a damaged header');
      if (bytes.length < header.sizeBytesMin) throw this.#damaged(segment.name, 'was cut short');
      this.#enter(segment, header, names[at - 1]);
      position = this.#replay(segment, bytes, at === names.length - 1);
    }
    return {
      recovered: {
        hardState: this.#hardState,
        terms: this.#terms,
        entries: this.#entries,
        tornTailBytes: this.#tornTailBytes,
      },
      end: {
        segments: names,
        extents: this.#extents,
        format: this.#format,
        position,
        crc: this.#crc,
        batch: this.#batch,
        lastBatch: bytes.subarray(this.#batchPosition, position),
        fileSizeBytes: bytes.length,
      },
    };
  }

  /** A segment fits behind the one before, and belongs to this member. */
  #enter(segment: SegmentName, header: SegmentHeader, before: SegmentName | undefined): void {
    if (header.clusterId !== this.#expect.clusterId || header.memberId !== this.#expect.memberId) {
      throw new KvorumError(
        'DATA_FOLDER_MISMATCH',
        `log segment ${this.#folder}/${segment.name} belongs to another member or cluster; put back its own ones if it never ran since they were taken away; else ${joinAnewAdvice}`,
      );
    }
    if (header.sequence !== segment.sequence) throw this.#damaged(segment.name, 'was renamed');
    this.#format = header.format;
    this.#batch = 0;
    this.#batchPosition = segmentHeaderSizeBytes;
    if (before === undefined) {
      this.#terms.reset(header.previousIndex, header.previousTerm);
      this.#hardState = header.hardState;
      this.#crc = header.previousCrc;
      return;
    }
    if (segment.sequence !== before.sequence + 1) {
      throw this.#damaged(segment.name, `does not follow ${before.name}: a segment is missing`);
    }
    if (header.previousCrc !== this.#crc) {
      throw this.#damaged(before.name, 'does not end where the next segment begins');
    }
  }

  /** @returns the end of the last whole record */
  #replay(segment: SegmentName, bytes: Buffer, isLast: boolean): number {
    let position = segmentHeaderSizeBytes;
    for (;;) {
      const read = readRecord(this.#format, bytes, position, this.#crc);
      if (read.kind === 'record') {
        this.#take(segment, read.record, { position, end: read.end });
        this.#crc = read.crc;
        this.#batch = read.batch;
        if (read.opensBatch) this.#batchPosition = position;
        position = read.end;
        continue;
      }
      if (read.kind === 'end' && isZero(bytes, position, bytes.length)) return position;
      if (!isLast) {
        // Whether the records end here is told by the next segment's header; zeros and remains may follow.
        if (read.kind === 'end') return position;
        throw this.#damaged(segment.name, `is damaged at offset ${position}`);
      }
      this.#checkTorn(segment, bytes, position, read.kind === 'end');
      this.#tornTailBytes = lastNonZero(bytes) + 1 - position;
      return position;
    }
  }

  /**
   * Only the last write may be torn: a part of the record never arrived (a sector of it still holds the zeros that
   * were there before, or the file ends before it does), and nothing of a later batch follows, which is written
   * only once this one was durable.
   */
  #checkTorn(segment: SegmentName, bytes: Buffer, position: number, headIsZero: boolean): void {
    const { sequence } = segment;
    const own = recordHeadAt(bytes, position, sequence);
    for (let at = position + 8; at < bytes.length; at += 8) {
      const head = recordHeadAt(bytes, at, sequence);
      if (head === undefined) continue;
      // Without its head the record may be the rest of the batch before it, or the first of the next.
      const batch = own?.batch ?? (head.opensBatch ? this.#batch : this.#batch + 1);
      if (head.batch <= batch) continue;
      throw this.#damaged(
        segment.name,
        `is damaged at offset ${position}, before data that was acknowledged`,
      );
    }
    if (headIsZero) return;
    // The length in a damaged head means nothing: look at the sectors of the head alone.
    const end = own?.end ?? position + recordHeaderSizeBytes;
    if (end > bytes.length) return;
    for (let from = position; from < end;) {
      const to = Math.min((Math.floor(from / sectorSizeBytes) + 1) * sectorSizeBytes, bytes.length);
      // What of the sector lies behind the record counts too: a sector arrives as a whole or not at all.
      if (isZero(bytes, from, to)) return;
      from = to;
    }
    throw this.#damaged(
      segment.name,
      `is damaged at offset ${position}: the last record was written in full, then changed`,
    );
  }

  #take(
    segment: SegmentName,
    record: WalRecord,
    place: { readonly position: number; readonly end: number },
  ): void {
    switch (record.type) {
      case 'hard-state':
        this.#hardState = record.state;
        return;
      case 'reset':
        this.#restart({ index: record.index, term: record.term });
        return;
      case 'entry':
        this.#takeEntry(segment, record.entry, place);
    }
  }

  #takeEntry(
    segment: SegmentName,
    entry: Entry,
    place: { readonly position: number; readonly end: number },
  ): void {
    const { offset, lastIndex } = this.#terms;
    if (entry.index <= offset) {
      // The segment began when the log was longer; what is overwritten behind its start was cut since.
      this.#restart(entry.index === offset ? entry : { index: offset, term: this.#terms.offsetTerm });
      return;
    }
    if (entry.index > lastIndex + 1) {
      throw this.#damaged(segment.name, `holds entry ${entry.index} behind ${lastIndex}`);
    }
    this.#terms.truncateFrom(entry.index);
    while (this.#entries.length > 0 && this.#entries.at(-1)!.index >= entry.index) this.#entries.pop();
    this.#terms.append(entry.term);
    if (entry.index > this.#heldBehind) this.#entries.push(entry);
    const { sequence } = segment;
    this.#extents.add(entry.index, { ...place, sequence, format: this.#format, previousCrc: this.#crc });
  }

  /** The log is empty behind `position`. */
  #restart(position: { readonly index: Index; readonly term: Term }): void {
    this.#terms.reset(position.index, position.term);
    this.#entries = [];
    this.#extents.clear();
  }

  #damaged(name: string, what: string): KvorumError {
    return new KvorumError(
      'DATA_DAMAGED',
      `log ${name === '' ? this.#folder : `segment ${this.#folder}/${name}`} ${what}; ${joinAnewAdvice}`,
    );
  }
}

function lastNonZero(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}
