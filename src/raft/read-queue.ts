import type { Index, MemberId } from './types.js';

/** Where nothing else is said. */
export const raftReadsMax = 16_384;

export interface PendingRead {
  /** This member itself, or the follower that asked. */
  readonly from: MemberId;
  readonly context: number;
}

interface Batch {
  readonly index: Index;
  readonly reads: PendingRead[];
}

interface Round {
  readonly round: number;
  /** The leader's tick when its heartbeats went out. */
  readonly tick: number;
  readonly batches: readonly Batch[];
}

/**
 * Reads at the leader on their way through: `early` until an entry of the term is committed, `gathering`
 * until the next Ready sends a round of heartbeats, `rounds` until a quorum has answered that or a later one.
 */
export class ReadQueue {
  early: PendingRead[] = [];
  gathering: Batch[] = [];
  rounds: Round[] = [];
  /** The newest round sent in this term. */
  round = 0;
  /** The leader's tick at which the newest confirmed round was sent; -Infinity if none. */
  confirmedTick = -Infinity;
  /** Rounds sent at an earlier tick of the leader give no lease. */
  leaseFromTick = 0;
  /** Asked of the leader by this member: the id on the wire to the caller's context. */
  readonly asked = new Map<number, number>();
  readonly #readsMax: number;
  #waiting = 0;

  /** @param readsMax reads that wait, as leader and as asker each; one more is not answered */
  constructor(readsMax = raftReadsMax) {
    this.#readsMax = readsMax;
  }

  get full(): boolean {
    return this.#waiting >= this.#readsMax;
  }

  addEarly(read: PendingRead): void {
    this.early.push(read);
    this.#waiting++;
  }

  takeEarly(): PendingRead[] {
    const reads = this.early;
    this.early = [];
    this.#waiting -= reads.length;
    return reads;
  }

  /** Reads of one turn and one commit index share a batch. */
  gather(read: PendingRead, index: Index): void {
    const last = this.gathering[this.gathering.length - 1];
    if (last?.index === index) last.reads.push(read);
    else this.gathering.push({ index, reads: [read] });
    this.#waiting++;
  }

  /** Closes what was gathered: the heartbeats that leave now confirm it. */
  openRound(tick: number): void {
    this.round++;
    this.rounds.push({ round: this.round, tick, batches: this.gathering });
    this.gathering = [];
  }

  /** Rounds up to `round` are confirmed. @returns what they carried, oldest first */
  confirm(round: number): Batch[] {
    let done = 0;
    const batches: Batch[] = [];
    for (const open of this.rounds) {
      if (open.round > round) break;
      this.confirmedTick = open.tick;
      for (const batch of open.batches) {
        batches.push(batch);
        this.#waiting -= batch.reads.length;
      }
      done++;
    }
    if (done > 0) this.rounds.splice(0, done);
    return batches;
  }

  /** The asker's side: an answer may never come, so the oldest question gives way. */
  ask(wireContext: number, context: number): void {
    if (this.asked.size >= this.#readsMax) this.asked.delete(this.asked.keys().next().value!);
    this.asked.set(wireContext, context);
  }

  /** Leadership begins or ends: what waits is not answered. */
  reset(): void {
    this.early = [];
    this.gathering = [];
    this.rounds = [];
    this.round = 0;
    this.confirmedTick = -Infinity;
    this.#waiting = 0;
  }
}
