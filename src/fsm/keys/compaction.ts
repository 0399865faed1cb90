import { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import { encodeUtf8 } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import { versionsPerEntry } from './past.js';
import type { RevisionLog } from './revision-log.js';
import { chargeLongKey } from './row-cost.js';
import { decodeVersion, historyKey, type Place } from './rows.js';
import type { Change } from './segment.js';

const targetKey = encodeUtf8('compaction');
const roundKey = encodeUtf8('compaction-round');

/** A version that is looked for in another segment. */
const lookUpUnits = 3;

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
  /** Of the segment that was removed last: none is left before it. */
  #removedKey: Uint8Array | undefined;

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
    this.#removedKey = undefined;
  }

  /** @param newest of the store */
  begin(revision: Revision, newest: Revision): void {
    this.#target = { revision, before: Math.max(this.revision, 0), newest };
    writeTarget(this.#backend, this.#target);
  }

  /**
   * A slice of the work, or as much as there is.
   * @param oldestPinned a revision that is being read: what is seen there stays
   */
  step(work: Work, oldestPinned: Revision): void {
    while (!work.spent) {
      this.#round ??= this.#nextRound(oldestPinned);
      if (this.#round === undefined) break;
      if (this.#round.next.revision <= this.#round.through) this.#keep(this.#round, work);
      else if (this.#remove(this.#round, work)) {
        this.#doneRevision = this.#round.revision;
        this.#round = undefined;
      }
    }
    if (work.units > 0) writeRound(this.#backend, this.#round, this.#doneRevision);
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

  #keep(round: Round, work: Work): void {
    let next: Place = { revision: round.through + 1, sub: 0 };
    // Bytes that the backend gave are good until the next write.
    const kept: { readonly key: Uint8Array; readonly row: Uint8Array }[] = [];
    for (const { place, key, previous } of this.#log.since(round.next)) {
      if (place.revision > round.through) break;
      if (work.spent) {
        next = place;
        break;
      }
      work.charge();
      if (previous.revision === 0 || previous.revision >= round.revision) continue;
      for (let unit = 0; unit < lookUpUnits; unit++) work.charge();
      const row = this.#log.find(previous)?.row;
      // Undefined: an earlier round kept it.
      if (row === undefined) continue;
      work.charge(row.length);
      chargeLongKey(work, key);
      kept.push({ key: historyKey(key, previous), row: row.slice() });
    }
    for (const { key, row } of kept) this.#backend.put('history', key, row);
    round.next = next;
  }

  /** @returns whether nothing is left to remove */
  #remove(round: Round, work: Work): boolean {
    while (!work.spent) {
      const segment = this.#log.oldestClosed(this.#removedKey);
      const last = segment?.changes.at(-1);
      if (segment === undefined || last === undefined || last.place.revision >= round.revision) return true;
      work.charge(segment.sizeBytes);
      const entries: Uint8Array[] = [];
      for (const change of segment.changes) {
        work.charge();
        chargeLongKey(work, change.key);
        this.#addEntriesOf(change, round, entries);
      }
      for (const entry of entries) {
        work.charge();
        this.#backend.delete('history', entry);
      }
      segment.remove();
      this.#removedKey = segment.key;
    }
    return false;
  }

  /** Keys in `history` that go with the change: its entry, unless it is kept, and the version before, if it was kept. */
  #addEntriesOf({ key, place, row, previous }: Change, round: Round, entries: Uint8Array[]): void {
    const { deleted, version } = decodeVersion(row);
    if (deleted || version % versionsPerEntry === 0) {
      const entry = historyKey(key, place);
      if (this.#backend.get('history', entry)?.length === 0) entries.push(entry);
    }
    if (previous.revision > 0 && previous.revision < round.keptBefore) {
      entries.push(historyKey(key, previous));
    }
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
