import { assert } from '../base/assert.js';
import type { Entry, Index, MemberId } from './types.js';

/** Appends sent and not yet acknowledged, bounded by count and by bytes. A ring of (last index, bytes). */
export class Inflights {
  readonly #countMax: number;
  readonly #sizeBytesMax: number;
  #lastIndexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #sizeBytes = 0;

  constructor(countMax: number, sizeBytesMax: number) {
    this.#countMax = countMax;
    this.#sizeBytesMax = sizeBytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count >= this.#countMax || this.#sizeBytes >= this.#sizeBytesMax;
  }

  add(lastIndex: Index, sizeBytes: number): void {
    assert(!this.full, 'the in-flight limit is checked before sending');
    const slot = (this.#start + this.#count) % this.#countMax;
    this.#lastIndexes[slot] = lastIndex;
    this.#sizes[slot] = sizeBytes;
    this.#count++;
    this.#sizeBytes += sizeBytes;
  }

  /** Everything up to `index` has arrived. */
  freeThrough(index: Index): void {
    while (this.#count > 0 && this.#lastIndexes[this.#start]! <= index) this.freeFirst();
  }

  freeFirst(): void {
    if (this.#count === 0) return;
    this.#sizeBytes -= this.#sizes[this.#start]!;
    this.#start = (this.#start + 1) % this.#countMax;
    this.#count--;
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#sizeBytes = 0;
  }
}

/**
 * The leader's view of one other member.
 *
 * - `probe`: where the logs match is a guess; one append with entries, then empty ones per heartbeat interval.
 * - `replicate`: known to match; appends are pipelined, `next` runs ahead of the acknowledgements.
 * - `snapshot`: needs state that the log no longer holds; nothing is sent until it has it.
 *
 * Invariant: 0 <= match < next.
 */
export class Progress {
  readonly id: MemberId;
  readonly inflights: Inflights;
  learner = false;
  match: Index = 0;
  next: Index;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Of the snapshot under way, in state `snapshot`. */
  pendingSnapshot: Index = 0;
  /** In `probe`: the one append with entries is out, and not answered. */
  probeSent = false;
  /** In `probe`: nothing is sent before the next sign of life. */
  awaitsSign = false;
  /** Send an append even if it is empty: a lost one is only noticed by its successor's rejection. */
  sendDue = false;
  /** The next heartbeat response may cause an append; once per heartbeat interval. */
  nudgeDue = false;
  /** What the log on disk is being read from, for it; undefined: nothing is. */
  readingFrom: Index | undefined;
  /** Nothing of the log was found there that could be sent: it is read again with the next sign of life. */
  readFailed = false;
  /** Entries that were read, and not all sent. */
  readAhead: readonly Entry[] = [];
  /** The newest commit index that it was told. */
  commitSent: Index = 0;
  /** The newest read round that it confirmed. */
  readRound = 0;
  /** The leader's tick at which it was heard last in this term, if only by bytes; -Infinity if never. */
  activeTick = -Infinity;
  /** The same of whole messages. */
  messageTick = -Infinity;
  /** False from when its connection was lost until it is heard again. */
  reachable = true;

  constructor(id: MemberId, next: Index, inflightMessagesMax: number, inflightSizeBytesMax: number) {
    this.id = id;
    this.next = next;
    this.inflights = new Inflights(inflightMessagesMax, inflightSizeBytesMax);
  }

  heard(tick: number): void {
    this.activeTick = tick;
    this.messageTick = tick;
    this.reachable = true;
  }

  get paused(): boolean {
    switch (this.state) {
      case 'probe':
        return this.probeSent || this.awaitsSign;
      case 'replicate':
        return this.inflights.full;
      case 'snapshot':
        return true;
    }
  }

  becomeProbe(next = this.match + 1): void {
    this.state = 'probe';
    this.next = Math.max(next, this.match + 1);
    this.pendingSnapshot = 0;
    this.probeSent = false;
    this.awaitsSign = false;
    this.inflights.reset();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.pendingSnapshot = 0;
    this.probeSent = false;
    this.awaitsSign = false;
    this.inflights.reset();
  }

  becomeSnapshot(index: Index): void {
    this.state = 'snapshot';
    this.pendingSnapshot = index;
    this.probeSent = false;
    this.awaitsSign = false;
    this.inflights.reset();
  }

  /** @returns whether `index` was news */
  acknowledge(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    return true;
  }

  /**
   * The append behind `rejected` did not fit; the logs can match at `hint` at best.
   * @returns false if the rejection is outdated
   */
  backOff(rejected: Index, hint: Index): boolean {
    if (this.state === 'snapshot') return false;
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (rejected !== this.next - 1 || rejected <= this.match) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.probeSent = false;
    return true;
  }

  check(lastIndex: Index): void {
    assert(this.match >= 0 && this.match < this.next, `0 <= match ${this.match} < next ${this.next}`);
    assert(this.next <= lastIndex + 1, `next ${this.next} is beyond the log's end ${lastIndex}`);
  }
}
