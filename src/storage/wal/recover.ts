import { KvorumError } from '../../base/errors.js';
import type { ClusterId, Index, MemberId, Term } from '../../base/ids.js';
import type { Disk } from '../../ports/disk.js';
import type { Entry, HardState } from '../../raft/types.js';
import {
  asBuffer,
  batchAt,
  decodeSegmentHeader,
  isZero,
  readRecord,
  recordHeaderSizeBytes,
  segmentHeaderSizeBytes,
  type SegmentHeader,
  type WalRecord,
} from './format.js';
import { parseSegmentName, type SegmentName } from './segments.js';

/** What the log holds after a start. */
export interface WalRecovered {
  readonly hardState: HardState;
  /** The log begins behind it. */
  readonly base: { readonly index: Index; readonly term: Term };
  /** Without a gap from base.index + 1 on. */
  readonly entries: readonly Entry[];
  /** Bytes of a write that was never acknowledged and is cut away; 0 usually. */
  readonly tornTailBytes: number;
}

/** Where writing goes on. */
export interface WalEnd {
  readonly segments: readonly SegmentName[];
  readonly position: number;
  readonly crc: number;
  readonly batch: number;
  /** Behind `position` the last segment is zero up to here only after it has been cleaned. */
  readonly fileSizeBytes: number;
  /** Segments that were being made when the crash came. */
  readonly unfinished: readonly string[];
}

const sectorSizeBytes = 512;

/** Replays a log folder. Throws KvorumError DATA_DAMAGED or DATA_FOLDER_MISMATCH. */
export class Recovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #expect: { readonly clusterId: ClusterId; readonly memberId: MemberId };
  #hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  #base: { index: Index; term: Term } = { index: 0, term: 0 };
  #entries: Entry[] = [];
  #crc = 0;
  #batch = 0;
  #tornTailBytes = 0;

  constructor(
    disk: Disk,
    folder: string,
    expect: { readonly clusterId: ClusterId; readonly memberId: MemberId },
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#expect = expect;
  }

  async run(): Promise<{ recovered: WalRecovered; end: WalEnd }> {
    const names = (await this.#disk.list(this.#folder)).flatMap((name) => parseSegmentName(name) ?? []);
    names.sort((left, right) => left.sequence - right.sequence);
    if (names.length === 0) throw this.#damaged('', 'holds no segment: the log is missing');
    const segments: SegmentName[] = [];
    const unfinished: string[] = [];
    let position = 0;
    let fileSizeBytes = 0;
    for (const [at, segment] of names.entries()) {
      const isLast = at === names.length - 1;
      const bytes = asBuffer(
        (await this.#disk.readFile(`${this.#folder}/${segment.name}`)) ?? new Uint8Array(),
      );
      const header = decodeSegmentHeader(segment.name, bytes);
      if (header === undefined) {
        if (isLast && at > 0 && isZero(bytes, segmentHeaderSizeBytes, bytes.length)) {
          unfinished.push(segment.name);
          break;
        }
        throw this.#damaged(segment.name, 'has a damaged header');
      }
      this.#enter(segment, header, segments.at(-1));
      position = this.#replay(segment, bytes, isLast);
      fileSizeBytes = bytes.length;
      segments.push(segment);
    }
    return {
      recovered: {
        hardState: this.#hardState,
        base: this.#base,
        entries: this.#entries,
        tornTailBytes: this.#tornTailBytes,
      },
      end: { segments, position, crc: this.#crc, batch: this.#batch, fileSizeBytes, unfinished },
    };
  }

  /** A segment fits behind the one before, and belongs to this member. */
  #enter(segment: SegmentName, header: SegmentHeader, before: SegmentName | undefined): void {
    if (header.clusterId !== this.#expect.clusterId || header.memberId !== this.#expect.memberId) {
      throw new KvorumError(
        'DATA_FOLDER_MISMATCH',
        `log segment ${this.#folder}/${segment.name} belongs to another member or cluster; put back the folder as it was`,
      );
    }
    if (header.sequence !== segment.sequence) throw this.#damaged(segment.name, 'was renamed');
    if (before === undefined) {
      this.#base = { index: header.previousIndex, term: header.previousTerm };
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
      const read = readRecord(bytes, position, this.#crc);
      if (read.kind === 'record') {
        this.#take(segment, read.record);
        this.#crc = read.crc;
        this.#batch = read.batch;
        position = read.end;
        continue;
      }
      if (read.kind === 'end' && isZero(bytes, position, bytes.length)) return position;
      if (!isLast) {
        // Whether the records end here is told by the next segment's header; zeros and remains may follow.
        if (read.kind === 'end') return position;
        throw this.#damaged(segment.name, `is damaged at offset ${position}`);
      }
      this.#checkTorn(segment, bytes, position, read.kind === 'damaged' ? read.end : undefined);
      this.#tornTailBytes = lastNonZero(bytes) + 1 - position;
      return position;
    }
  }

  /**
   * Only the last write may be torn: a sector of the record never arrived (it still holds the zeros that were
   * there before), and nothing of a later batch follows, which is written only once this one was durable.
   */
  #checkTorn(segment: SegmentName, bytes: Buffer, position: number, end: number | undefined): void {
    for (let at = position; at < bytes.length; at += 8) {
      const batch = batchAt(bytes, at, segment.sequence);
      if (batch !== undefined && batch > this.#batch + 1) {
        throw this.#damaged(
          segment.name,
          `is damaged at offset ${position}, before data that was acknowledged`,
        );
      }
    }
    // A record head that reads as zeros lay in a sector that did not arrive.
    if (end === undefined) return;
    // The length in a damaged head means nothing: look at the sectors of the head alone.
    const headIsWhole = batchAt(bytes, position, segment.sequence) !== undefined;
    const through = headIsWhole ? end : Math.min(position + recordHeaderSizeBytes, bytes.length);
    for (let from = position; from < through;) {
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

  #take(segment: SegmentName, record: WalRecord): void {
    switch (record.type) {
      case 'hard-state':
        this.#hardState = record.state;
        return;
      case 'reset':
        this.#base = { index: record.index, term: record.term };
        this.#entries = [];
        return;
      case 'entry': {
        const { entry } = record;
        const at = entry.index - this.#base.index - 1;
        if (at < 0) {
          // The segment began when the log was longer; what is overwritten behind its start was cut since.
          this.#entries = [];
          if (at === -1) this.#base = { index: entry.index, term: entry.term };
          return;
        }
        if (at > this.#entries.length) {
          throw this.#damaged(
            segment.name,
            `holds entry ${entry.index} behind ${this.#base.index + this.#entries.length}`,
          );
        }
        this.#entries.length = at;
        this.#entries.push(entry);
      }
    }
  }

  #damaged(name: string, what: string): KvorumError {
    return new KvorumError(
      'DATA_DAMAGED',
      `log ${name === '' ? this.#folder : `segment ${this.#folder}/${name}`} ${what}; restore the data folder, or remove this member and join it anew with an empty one`,
    );
  }
}

function lastNonZero(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}
