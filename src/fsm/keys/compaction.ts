import { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import { encodeUtf8 } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import type { RevisionLog } from './revision-log.js';
import { chargeLongKey } from './row-cost.js';
import { historyKey, type Place } from './rows.js';
import {
  changeAt,
  changeEnd,
  firstChange,
  placeOfChange,
  previousRevision,
  versionOfChange,
} from './segment.js';

const targetKey = encodeUtf8('compaction');
const roundKey = encodeUtf8('compaction-round');

/** What looking at a change touches, besides what is done with it. */
const lookSizeBytes = 256;

/** What entries have asked for: the same on all members. */
interface Target {
  /** Reads below it are refused. */
  readonly revision: Revision;
  /** That of the target before. */
  readonly before: Revision;
  /** Newest when it was asked for: what is written later keeps what it needs itself. */
  readonly newest: Revision;
}

/** The removal of what one target leaves out, or, while older revisions are read, a part of that. Each member's own. */
interface Round {
  readonly revision: Revision;
  /** Versions older than this may be kept in `history`. */
  readonly keptBefore: Revision;
  readonly through: Revision;
  /** The next change to look at in the first walk; behind `through` the second walk is on. */
  next: Place;
}

/** A slice of the first walk. */
interface KeepWalk {
  looked: number;
  /** Where the next slice begins. */
  next: Place;
  /** Written at its end: bytes that the backend gave are good until the next write. */
  readonly kept: { readonly key: Uint8Array; readonly row: Uint8Array }[];
}

/**
 * Forgets what no revision from the compacted one on can see. The compacted revision moves at once, with its entry; the
 * rest is work in the background, in slices, of which nothing that can be read depends. A first walk goes over the
 * changes since the compacted revision: the version that one of them ended is still seen, so those that are about to be
 * removed are kept in `history`. A second walk removes segments from the old end. One target is finished before the
 * newest is taken up, so it gets ahead however often there is another.
 */
export class Compaction {
  readonly #backend: Backend;
  readonly #log: RevisionLog;
  #target: Target | undefined;
  #round: Round | undefined;
  /** Of the last round that ended; -1: none has. */
  #doneRevision: Revision = -1;

  constructor(backend: Backend, log: RevisionLog) {
    this.#backend = backend;
    this.#log = log;
  }

  /** Reads below it are refused; -1: never compacted. */
  get revision(): Revision {
    return this.#target?.revision ?? -1;
  }

  /** Something is left to remove. */
  get pending(): boolean {
    return this.#round !== undefined || this.#doneRevision < this.revision;
  }

  reload(): void {
    this.#target = readTarget(this.#backend);
    const { round, doneRevision } = readRound(this.#backend);
    this.#round = round;
    this.#doneRevision = doneRevision;
  }

  /** @param newest of the store */
  begin(revision: Revision, newest: Revision): void {
    this.#target = { revision, before: Math.max(this.revision, 0), newest };
    writeTarget(this.#backend, this.#target);
  }

  /**
   * A slice of the work, or as much as there is.
   * @param oldestPinned a revision that is being read: what is seen there stays
   * @returns how many changes it has looked at, in either walk
   */
  step(work: Work, oldestPinned: Revision): number {
    let looked = 0;
    while (!work.spent) {
      this.#round ??= this.#nextRound(oldestPinned);
      if (this.#round === undefined) break;
      if (this.#round.next.revision <= this.#round.through) looked += this.#keep(this.#round, work);
      else looked += this.#remove(this.#round, work);
    }
    if (work.units > 0) writeRound(this.#backend, this.#round, this.#doneRevision);
    return looked;
  }

  /**
   * To the target, or as far as readers let it: where targets follow one another faster than reads end, some read is
   * always older than the newest target. A round walks over all changes since, so it must be worth it: half of the way.
   */
  #nextRound(oldestPinned: Revision): Round | undefined {
    const target = this.#target;
    if (target === undefined || target.revision <= this.#doneRevision) return undefined;
    const { before, newest } = target;
    const revision = Math.min(target.revision, oldestPinned);
    const done = this.#doneRevision;
    if (revision <= done || revision - done < (target.revision - done) / 2) return undefined;
    return { revision, keptBefore: Math.max(before, done), through: newest, next: { revision, sub: 0 } };
  }

  /** @returns changes looked at */
  #keep(round: Round, work: Work): number {
    const walk: KeepWalk = { looked: 0, next: { revision: round.through + 1, sub: 0 }, kept: [] };
    for (const segment of this.#log.segments(round.next)) {
      if (!this.#keepFrom(segment, round, walk, work)) break;
      // Behind it: a slice of the least work gets further too.
      work.charge();
    }
    for (const { key, row } of walk.kept) this.#backend.put('history', key, row);
    round.next = walk.next;
    return walk.looked;
  }

  /** @returns false: the walk ends in this segment */
  #keepFrom(segment: Uint8Array, round: Round, walk: KeepWalk, work: Work): boolean {
    for (let at = firstChange(segment, round.next); at < segment.length; at = changeEnd(segment, at)) {
      const place = placeOfChange(segment, at);
      if (place.revision > round.through) return false;
      if (work.spent) {
        walk.next = place;
        return false;
      }
      walk.looked++;
      work.touch(lookSizeBytes + changeEnd(segment, at) - at);
      const before = previousRevision(segment, at);
      // Of what is older than the last round, all that later changes name was kept then, or when they were written.
      if (before === 0 || before >= round.revision || before < this.#doneRevision) continue;
      const { key, previous } = changeAt(segment, at, place);
      const row = this.#log.find(previous, Infinity, work)?.row;
      // Undefined: an earlier round kept it.
      if (row === undefined) continue;
      work.charge(row.length);
      chargeLongKey(work, key);
      walk.kept.push({ key: historyKey(key, previous), row: row.slice() });
    }
    return true;
  }

  /** @returns changes looked at */
  #remove(round: Round, work: Work): number {
    let looked = 0;
    while (!work.spent) {
      const segment = this.#log.oldestClosed();
      if (segment === undefined || segment.last.revision >= round.revision) {
        this.#doneRevision = round.revision;
        this.#round = undefined;
        break;
      }
      const { bytes } = segment;
      work.charge(bytes.length);
      const entries: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at = changeEnd(bytes, at)) {
        looked++;
        work.touch(lookSizeBytes);
        this.#addEntriesOf(bytes, at, round, entries, work);
      }
      for (const entry of entries) {
        work.charge();
        this.#backend.delete('history', entry);
      }
      segment.remove();
    }
    return looked;
  }

  /** Keys in `history` that go with the change: its entry, unless it is kept, and the version before, if it was kept. */
  #addEntriesOf(segment: Uint8Array, at: number, round: Round, entries: Uint8Array[], work: Work): void {
    const before = previousRevision(segment, at);
    const wasKept = before > 0 && before < round.keptBefore;
    // Of a deletion it is 0.
    const hasEntry = versionOfChange(segment, at) % this.#log.versionsPerEntry === 0;
    if (!wasKept && !hasEntry) return;
    const { key, place, previous } = changeAt(segment, at, placeOfChange(segment, at));
    chargeLongKey(work, key);
    if (hasEntry) {
      work.charge();
      const entry = historyKey(key, place);
      if (this.#backend.get('history', entry)?.length === 0) entries.push(entry);
    }
    if (wasKept) entries.push(historyKey(key, previous));
  }
}

function readTarget(backend: Backend): Target | undefined {
  const row = backend.get('meta', targetKey);
  if (row === undefined) return undefined;
  const reader = new ByteReader(row);
  return { revision: reader.varint(), before: reader.varint(), newest: reader.varint() };
}

function writeTarget(backend: Backend, { revision, before, newest }: Target): void {
  const writer = new ByteWriter(24).varint(revision).varint(before).varint(newest);
  backend.put('meta', targetKey, writer.finish());
}

function readRound(backend: Backend): { readonly round: Round | undefined; readonly doneRevision: Revision } {
  const row = backend.get('meta', roundKey);
  if (row === undefined) return { round: undefined, doneRevision: -1 };
  const reader = new ByteReader(row);
  const doneRevision = reader.varint() - 1;
  if (reader.remaining === 0) return { round: undefined, doneRevision };
  const [revision, keptBefore, through] = [reader.varint(), reader.varint(), reader.varint()];
  const next = { revision: reader.varint(), sub: reader.varint() };
  return { round: { revision, keptBefore, through, next }, doneRevision };
}

function writeRound(backend: Backend, round: Round | undefined, doneRevision: Revision): void {
  const writer = new ByteWriter(48).varint(doneRevision + 1);
  if (round !== undefined) {
    writer.varint(round.revision).varint(round.keptBefore).varint(round.through);
    writer.varint(round.next.revision).varint(round.next.sub);
  }
  backend.put('meta', roundKey, writer.finish());
}
