import { assert } from '../../base/assert.js';
import { keyAfter } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import type { Work } from '../../base/work.js';
import type { BackendReader, Row } from '../../ports/backend.js';
import type { KeyRangeQuery, RangeAnswer } from '../range.js';
import { Candidates, type Candidate } from './candidates.js';
import { GatheredPairs } from './gathered-pairs.js';
import { boundsBehind, isEmpty, toBounds, type KeyBounds } from './key-bounds.js';
import type { StateLimits } from './limits.js';
import { chainEntrance, type Past } from './past.js';
import type { PinnedRevisions } from './pinned-revisions.js';
import type { RevisionLog } from './revision-log.js';
import {
  decodeLineage,
  decodeVersion,
  versionHeadSizeBytes,
  type Place,
  type VersionRecord,
} from './rows.js';

/** What reads stand on. */
export interface ReadSource {
  readonly backend: BackendReader;
  readonly log: RevisionLog;
  readonly past: Past;
  readonly pins: PinnedRevisions;
  readonly limits: StateLimits;
  readonly state: {
    readonly revision: Revision;
    readonly compactRevision: Revision;
    /** The backend holds changes that nobody may see yet: the newest revision is read as the past is. */
    readonly unsettled: boolean;
    /** Another one once the whole content was replaced. */
    readonly generation: number;
  };
}

/** What came of a key; bounds: the page ends before it, and they are what is left. */
type Looked = 'passed' | 'unfinished' | 'end' | KeyBounds;

/** A key whose chain is followed. */
interface Chain {
  readonly key: Uint8Array;
  place: Place;
}

/**
 * A read of a range in steps, between which there may be writes: it shows the store as it was at one revision, if none is
 * named that of the first step, which is pinned from that step's end on. It keeps keys and places, no open iterator. An installed snapshot makes it begin
 * again: nothing was answered yet.
 */
export class RangeRead {
  readonly #source: ReadSource;
  readonly #query: KeyRangeQuery;
  readonly #reverse: boolean;
  /** Undefined: it has not begun. */
  #generation: number | undefined;
  /** At which it reads. */
  #revision!: Revision;
  #storeRevision!: Revision;
  /** What was left to look at when the step began. */
  #bounds!: KeyBounds;
  /** The last key that was dealt with in the step. */
  #lastKey: Uint8Array | undefined;
  #chain: Chain | undefined;
  #pairs: GatheredPairs;
  /** Of all steps. */
  #units = 0;
  /** Some key has been dealt with: the next page will begin behind it. */
  #advanced = false;
  #unpin: (() => void) | undefined;

  /** @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE */
  constructor(source: ReadSource, query: KeyRangeQuery) {
    this.#source = source;
    this.#query = query;
    this.#reverse = query.reverse === true;
    this.#pairs = new GatheredPairs(query);
    checkRevision(query.revision, source.state);
  }

  /** Keys and values that it holds. */
  get gatheredSizeBytes(): number {
    return this.#pairs.sizeBytes;
  }

  #begin(): void {
    this.close();
    const { state } = this.#source;
    checkRevision(this.#query.revision, state);
    this.#generation = state.generation;
    this.#revision = this.#query.revision === 0 ? state.revision : this.#query.revision;
    this.#storeRevision = state.revision;
    this.#bounds = toBounds(this.#query.key, this.#query.end);
    this.#lastKey = undefined;
    this.#chain = undefined;
    this.#pairs = new GatheredPairs(this.#query);
    this.#units = 0;
    this.#advanced = false;
  }

  /**
   * Goes on until the work is spent, and by one row or link at least.
   * @returns undefined: not done yet
   * @throws KvorumError REVISION_COMPACTED where it begins, or begins again
   */
  step(work: Work): RangeAnswer | undefined {
    try {
      if (this.#generation !== this.#source.state.generation) this.#begin();
      const before = work.units;
      const answer = this.#goOn(work, before);
      this.#units += work.units - before;
      if (answer === undefined) {
        this.#bounds = this.#rest;
        this.#lastKey = undefined;
        this.#pairs.keep();
        this.#unpin ??= this.#source.pins.pin(this.#revision);
      } else this.close();
      return answer;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** It is not gone on with. Harmless when repeated. */
  close(): void {
    this.#unpin?.();
    this.#unpin = undefined;
  }

  #goOn(work: Work, unitsBefore: number): RangeAnswer | undefined {
    let looked = this.#chain === undefined ? undefined : this.#followChain(this.#chain, work);
    if (looked === undefined || (looked === 'passed' && !work.spent)) {
      looked = this.#lookAtCandidates(work, unitsBefore);
    }
    if (looked === 'passed') return undefined;
    if (looked === 'unfinished') return undefined;
    return this.#answer(looked === 'end' ? undefined : looked);
  }

  #lookAtCandidates(work: Work, unitsBefore: number): Exclude<Looked, 'passed'> {
    const candidates = this.#candidates(work);
    try {
      for (let first = true; ; first = false) {
        const units = this.#units + work.units - unitsBefore;
        if (this.#advanced && units >= (this.#query.unitsMax ?? Infinity)) return this.#rest;
        // To begin may have been all that there was work for: the first key is looked at in any case.
        if (work.spent && !first) return 'unfinished';
        const candidate = candidates.next();
        if (candidate === undefined) return 'end';
        const looked = this.#look(candidate, work);
        if (looked !== 'passed') return looked;
      }
    } finally {
      candidates.close();
    }
  }

  #candidates(work: Work): Candidates {
    const { state, limits } = this.#source;
    const isPast = state.unsettled || this.#revision < state.revision;
    const valueBytesMax = this.#pairs.wantsValues ? (isPast ? limits.pastValueSizeBytesMax : Infinity) : 0;
    const options = {
      reverse: this.#reverse,
      revision: isPast ? this.#revision : undefined,
      valueBytesMax: versionHeadSizeBytes + valueBytesMax,
    };
    return new Candidates(this.#source, this.#rest, options, work);
  }

  #look({ key, row, entry }: Candidate, work: Work): Looked {
    const newest = row === undefined ? undefined : decodeLineage(row.value);
    if (row !== undefined && newest!.mod.revision <= this.#revision) {
      return this.#take(key, this.#newestVersion(row, work));
    }
    const place = chainEntrance(newest, entry, this.#revision);
    return place === undefined ? this.#pass(key) : this.#followChain({ key, place }, work);
  }

  #newestVersion(row: Row, work: Work): VersionRecord {
    if (row.wholeSizeBytes === undefined || !this.#pairs.wantsValues) return decodeVersion(row.value);
    const whole = this.#source.backend.get('current', row.key);
    assert(whole !== undefined, 'nothing is written in a step');
    work.charge(whole.length);
    return decodeVersion(whole);
  }

  /** Leaves the rest of the chain to the next step if the work is spent. */
  #followChain(chain: Chain, work: Work): Looked {
    const { past } = this.#source;
    const place = past.follow(chain.place, this.#revision, work);
    assert(place !== undefined, 'what a pinned revision is reached by is in the log');
    // The version too is a row of its own, maybe a long one.
    if (place.revision > this.#revision || (place.revision > 0 && work.spent)) {
      this.#chain = { key: this.#chain === undefined ? chain.key.slice() : chain.key, place };
      return 'unfinished';
    }
    this.#chain = undefined;
    if (place.revision === 0) return this.#pass(chain.key);
    const record = past.version(chain.key, place, this.#pairs.wantsValues, work);
    assert(record !== undefined, 'a version that a change names is kept');
    return this.#take(chain.key, record);
  }

  #take(key: Uint8Array, record: VersionRecord): Looked {
    if (!this.#pairs.add(key, record)) return this.#pass(key);
    const { start, end } = this.#bounds;
    return this.#reverse ? { start, end: keyAfter(key) } : { start: key.slice(), end };
  }

  #pass(key: Uint8Array): Looked {
    this.#lastKey = key;
    this.#advanced = true;
    return 'passed';
  }

  get #rest(): KeyBounds {
    return this.#lastKey === undefined
      ? this.#bounds
      : boundsBehind(this.#bounds, this.#lastKey, this.#reverse);
  }

  /** @param rest what a further page would look at; undefined: nothing */
  #answer(rest: KeyBounds | undefined): RangeAnswer {
    const { items, count, full } = this.#pairs;
    const revision = this.#query.revision === 0 ? this.#revision : this.#storeRevision;
    if (rest === undefined || isEmpty(rest)) return { items, count, more: full, revision };
    return { items, count, more: true, revision, next: this.#reverse ? rest.end : rest.start };
  }
}

/** @throws KvorumError REVISION_COMPACTED, REVISION_IN_FUTURE */
export function checkRevision(revision: Revision, state: ReadSource['state']): void {
  if (revision > state.revision) {
    throw new KvorumError(
      'REVISION_IN_FUTURE',
      `revision ${revision} is in the future, the store is at ${state.revision}`,
    );
  }
  if (revision > 0 && revision < state.compactRevision) throw compacted(revision, state);
}

function compacted(revision: Revision, { compactRevision }: ReadSource['state']): KvorumError {
  return new KvorumError(
    'REVISION_COMPACTED',
    `revision ${revision} is compacted, the oldest left is ${compactRevision}`,
  );
}
