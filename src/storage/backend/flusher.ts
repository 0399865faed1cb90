import { assert } from '../../base/assert.js';
import { promised, type Completion } from '../../base/completion.js';
import type { AppliedPosition } from '../../ports/backend.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { DiskError } from '../../ports/disk.js';
import { Backlog, type Change, type SealedTransaction } from './backlog.js';

export interface FlushOptions {
  /** Undefined: nothing is flushed for the time that it waits. */
  readonly clock: Clock | undefined;
  /** What is applied waits at most about this long for its way to disk. */
  readonly flushIntervalMs: number;
  /**
   * Changed keys, and bytes, of one transaction: so many start a flush at once. The event loop is held up while they
   * are taken, some 2 µs a change. A backlog that grows makes them more, see largerFactor().
   */
  readonly flushKeysMax: number;
  readonly flushSizeBytesMax: number;
}

/** What lies below, and is durable. */
export interface FlushTarget {
  position(): AppliedPosition;
  /** Makes the changes and the position durable together, or neither. */
  write(changes: readonly Change[], position: AppliedPosition): Promise<void>;
}

interface FlushSurroundings {
  /** Asked before each transaction. Rejects where there is no space for it. */
  requireWritable(sizeBytes: number): Promise<void>;
  /** What a write failed with, as the port has it. */
  errorOf(error: unknown): Promise<DiskError>;

  /** A transaction is on disk, with these changes. */
  committed(changes: readonly Change[], sizeBytes: number): void;
  /** `flushed` has moved; or it never will again. */
  flushed(error?: DiskError): void;
}

/** Brings what is applied to what lies below, transaction by transaction, in the background. */
export class Flusher<Target extends FlushTarget> {
  readonly backlog = new Backlog();
  readonly #options: FlushOptions;
  readonly #around: FlushSurroundings;
  #target: Target;
  #flushed: AppliedPosition;
  /** Flushes that are under way. Never rejects. */
  #running: Promise<void> | undefined;
  /** No flush begins meanwhile. Never rejects. */
  #held: Promise<void> | undefined;
  #timer: Timer | undefined;
  #failure: DiskError | undefined;
  /** Nothing begins by itself any more. */
  #stopped = false;
  /** As of Backend.endWaits(). */
  #noBatchEnds = false;
  /** Nothing is flushed any more. */
  #dropping = false;
  /** Flushes that were asked for in the middle of a batch: what is committed cannot be told apart from it before its end. */
  #awaitingBatchEnd: Completion<void>[] = [];

  constructor(target: Target, options: FlushOptions, around: FlushSurroundings) {
    this.#target = target;
    this.#flushed = target.position();
    this.#options = options;
    this.#around = around;
  }

  get target(): Target {
    return this.#target;
  }

  get flushed(): AppliedPosition {
    return this.#flushed;
  }

  get failure(): DiskError | undefined {
    return this.#failure;
  }

  /** While held. It is at `flushed`: what was committed since goes there. */
  replace(target: Target): void {
    assert(this.#held !== undefined, 'a flush belongs to one target');
    this.#target = target;
  }

  /** While held. What was committed went with the old one. */
  replaceAll(target: Target, position: AppliedPosition): void {
    this.replace(target);
    this.backlog.clear();
    this.#batchEnded();
    this.#stopTimer();
    this.#flushed = position;
  }

  commit(position: AppliedPosition): void {
    this.backlog.commit(position);
    // At once: the turn may go on with the next batch.
    if (this.#awaitingBatchEnd.length > 0) {
      this.backlog.seal();
      this.#batchEnded();
    }
    this.schedule();
  }

  #batchEnded(): void {
    const waiting = this.#awaitingBatchEnd;
    this.#awaitingBatchEnd = [];
    for (const each of waiting) each.resolve();
  }

  /** Sees to it that what is committed goes to disk: at once if it is much, else soon. */
  schedule(): void {
    if (this.#stopped || this.#failure !== undefined) return;
    const isHeld = this.#held !== undefined;
    // Left by a hold.
    if (!isHeld && this.backlog.next() !== undefined) this.#running ??= this.#flushSealed();
    if (this.backlog.midBatch || !this.backlog.hasOpen) return;
    // However long it lasts: what gathers meanwhile does not go in one transaction.
    if (this.#running !== undefined || isHeld) {
      if (this.#isMuch()) this.backlog.seal();
    } else if (this.#isMuch()) {
      this.#start();
    } else {
      const { clock, flushIntervalMs } = this.#options;
      this.#timer ??= clock?.setTimer(flushIntervalMs, () => {
        this.#timer = undefined;
        if (!this.backlog.midBatch) this.#start();
      });
    }
  }

  #isMuch(): boolean {
    const { flushKeysMax, flushSizeBytesMax } = this.#options;
    const { openKeys, openSizeBytes, sizeBytes } = this.backlog;
    const factor = largerFactor(sizeBytes);
    return openKeys >= factor * flushKeysMax || openSizeBytes >= factor * flushSizeBytesMax;
  }

  #start(): void {
    this.backlog.seal();
    this.#running ??= this.#flushSealed();
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async flush(): Promise<void> {
    if (this.backlog.midBatch) await this.#whenBatchEnds();
    // Of what is committed by now: under load there is always more.
    else this.backlog.seal();
    await this.#whenDone(this.backlog.sealedCount);
  }

  async #whenBatchEnds(): Promise<void> {
    if (this.#noBatchEnds) throw closedError();
    if (this.#failure !== undefined) throw this.#failure;
    await promised((completion: Completion<void>) => this.#awaitingBatchEnd.push(completion));
  }

  async #whenDone(sealedCount: number): Promise<void> {
    while (this.#failure === undefined && this.backlog.doneCount < sealedCount) {
      if (this.#dropping) throw closedError();
      if (this.#held === undefined) this.#running ??= this.#flushSealed();
      await (this.#held ?? this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Brings to disk what is sealed, and what is sealed meanwhile. */
  async #flushSealed(): Promise<void> {
    this.#stopTimer();
    await Promise.resolve();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const changes = this.backlog.changesOf(next);
      try {
        await this.#around.requireWritable(next.sizeBytes);
        await this.#target.write(changes, next.position);
      } catch (error) {
        await this.fail(error);
        break;
      }
      this.backlog.done();
      this.#flushed = next.position;
      this.#around.committed(changes, next.sizeBytes);
      this.#around.flushed();
    }
    this.#running = undefined;
    this.schedule();
  }

  #next(): SealedTransaction | undefined {
    const ended = this.#failure !== undefined || this.#dropping;
    return ended || this.#held !== undefined ? undefined : this.backlog.next();
  }

  /** Runs `work` while nothing is being flushed; what is committed meanwhile waits. Rejects as `work` does. */
  async hold(work: () => Promise<void>): Promise<void> {
    assert(this.#held === undefined, 'one at a time');
    const done = this.#runHeld(work);
    const release = (): void => {
      this.#held = undefined;
      this.schedule();
    };
    this.#held = done.then(release, release);
    await done;
  }

  async #runHeld(work: () => Promise<void>): Promise<void> {
    await Promise.resolve();
    while (this.#running !== undefined) await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    await work();
  }

  /** The first failure is final: what is on disk now is not known. */
  async fail(error: unknown): Promise<DiskError> {
    const failure = await this.#around.errorOf(error);
    this.#stopTimer();
    this.#failure ??= failure;
    this.#batchEnded();
    this.#around.flushed(failure);
    return failure;
  }

  /** Nothing begins by itself any more; without `flush` nothing begins at all. */
  stop({ flush }: { readonly flush: boolean }): void {
    this.#stopped = true;
    this.#dropping = !flush;
    this.#stopTimer();
    this.endWaits();
  }

  /** As of Backend. */
  endWaits(): void {
    this.#noBatchEnds = true;
    for (const each of this.#awaitingBatchEnd) each.reject(closedError());
    this.#awaitingBatchEnd = [];
  }

  /** Flushes what is committed, without the batch that may be open. */
  async flushRest(): Promise<void> {
    if (!this.backlog.midBatch) this.backlog.seal();
    await this.#whenDone(this.backlog.sealedCount);
  }

  async whenIdle(): Promise<void> {
    await this.#running;
  }
}

const backlogStepSizeBytes = 4 * 1024 * 1024;
const largerFactorMax = 8;

/** A disk that falls behind catches up with larger transactions, which cost less a change. */
function largerFactor(backlogSizeBytes: number): number {
  return Math.min(largerFactorMax, Math.max(1, Math.floor(backlogSizeBytes / backlogStepSizeBytes)));
}

export function closedError(): DiskError {
  return new DiskError('failed', 'the state is closed');
}
