import type { Clock, Timer } from '../../ports/clock.js';
import { DiskError } from '../../ports/disk.js';
import type { Change } from './backlog.js';
import { freeSizeBytes, requireWritable } from './disk-failure.js';
import { LmdbCopy, type SliceLimits } from './lmdb-copy.js';
import type { LmdbEnvironment } from './lmdb-environment.js';
import type { LmdbStateFolder } from './lmdb-state-folder.js';

export interface ShrinkOptions extends SliceLimits {
  /** How often it is looked whether there is something to gain, and tried again where it could not be done. */
  readonly intervalMs: number;
  /** A smaller file is left alone. */
  readonly fileSizeBytesMin: number;
  /** Of the file; with less of it free, it is left alone. */
  readonly freeShareMin: number;
  /** Of the time, from the first slice to the last, in which something is read or written. */
  readonly timeShareMax: number;
  /** Written between two syncs, so that the last one is short. */
  readonly syncSizeBytesMax: number;
  /** It is given up when so much was committed and is not in the copy: changes come faster than they can be copied. */
  readonly behindSizeBytesMax: number;
}

export const shrinkDefaults: ShrinkOptions = {
  intervalMs: 60_000,
  fileSizeBytesMin: 64 * 1024 * 1024,
  freeShareMin: 0.5,
  sliceRowsMax: 256,
  sliceSizeBytesMax: 128 * 1024,
  sliceReadMsMax: 1,
  timeShareMax: 0.25,
  syncSizeBytesMax: 8 * 1024 * 1024,
  behindSizeBytesMax: 16 * 1024 * 1024,
  spareSizeBytes: 32 * 1024 * 1024,
};

/** How an attempt went. */
export interface ShrinkReport {
  readonly outcome: 'shrunk' | 'given up' | 'cancelled';
  /** Why it was given up. */
  readonly reason: string | undefined;
  readonly sizeBytesBefore: number;
  readonly sizeBytesAfter: number;
}

interface ShrinkHost {
  readonly environment: LmdbEnvironment;
  /** Nothing else uses the next environment's folder, or a former one. */
  mayBegin(): boolean;
  /** Runs `work` while nothing is being flushed. */
  hold(work: () => Promise<void>): Promise<void>;
  /** While held. `next` holds the same; the former one is closed and removed by the host. */
  replace(next: LmdbEnvironment): void;
  fail(error: unknown): Promise<unknown>;
  report(report: ShrinkReport): void;
}

/** With so much behind, the share of the time is no limit: there would be more and more of it. */
const hurrySizeBytes = 1024 * 1024;

/** With no more behind, nothing is flushed until it is copied: changes may come for ever. */
const heldSizeBytesMax = 256 * 1024;

class GivenUp extends Error {}

interface Attempt {
  readonly environment: LmdbEnvironment;
  readonly copy: LmdbCopy;
  /** Of the copy: what CURRENT names it as. */
  state: 'beside' | 'unknown' | 'current';
}

/**
 * Gives space back to the file system: LMDB uses free pages again and never makes its file smaller. When much of it is
 * free, the content is copied to the next environment, a slice at a time, and that takes the place of the old one; see
 * DESIGN.md.
 */
export class LmdbShrinker {
  readonly #folder: LmdbStateFolder;
  readonly #clock: Clock;
  readonly #options: ShrinkOptions;
  readonly #host: ShrinkHost;
  #timer: Timer | undefined;
  #copy: LmdbCopy | undefined;
  /** Never rejects. */
  #running: Promise<void> | undefined;
  #cancelled = false;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(folder: LmdbStateFolder, clock: Clock, options: ShrinkOptions, host: ShrinkHost) {
    this.#folder = folder;
    this.#clock = clock;
    this.#options = options;
    this.#host = host;
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimer(this.#options.intervalMs, () => {
      this.#running = this.#look().finally(() => {
        this.#running = undefined;
        this.#lookLater();
      });
    });
  }

  /** Told after each transaction that is on disk. */
  committed(changes: readonly Change[], sizeBytes: number): void {
    this.#copy?.committed(changes, sizeBytes);
  }

  /** Resolves when nothing is left of an attempt; another may follow. */
  async cancel(): Promise<void> {
    if (this.#running === undefined) return;
    this.#cancelled = true;
    this.#wake();
    await this.#running;
  }

  /** Resolves when nothing is left of an attempt. None follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.cancel();
  }

  /** No property: it changes while others wait. */
  #isCancelled(): boolean {
    return this.#cancelled;
  }

  async #look(): Promise<void> {
    this.#cancelled = false;
    const { environment } = this.#host;
    const sizeBytesBefore = environment.sizeBytes();
    if (!this.#host.mayBegin() || sizeBytesBefore < this.#options.fileSizeBytesMin) return;
    const usedSizeBytes = environment.usedSizeBytes();
    if (sizeBytesBefore - usedSizeBytes <= this.#options.freeShareMin * sizeBytesBefore) return;
    let outcome: ShrinkReport['outcome'] = 'shrunk';
    let reason: string | undefined;
    try {
      if (!(await this.#shrink(environment, usedSizeBytes))) outcome = 'cancelled';
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof GivenUp)) await this.#host.fail(error);
      outcome = 'given up';
      reason = error instanceof Error ? error.message : String(error);
    }
    const sizeBytesAfter = this.#host.environment.sizeBytes();
    this.#host.report({ outcome, reason, sizeBytesBefore, sizeBytesAfter });
  }

  /** @returns false: cancelled */
  async #shrink(environment: LmdbEnvironment, usedSizeBytes: number): Promise<boolean> {
    const freeBytes = await freeSizeBytes(this.#folder.path);
    if (freeBytes < usedSizeBytes + this.#options.spareSizeBytes) {
      throw new GivenUp(`${freeBytes} bytes are free on the disk, a copy may need ${usedSizeBytes}`);
    }
    const next = await this.#folder.makeNext();
    const attempt: Attempt = {
      environment,
      copy: new LmdbCopy(environment, next, this.#clock, this.#options),
      state: 'beside',
    };
    this.#copy = attempt.copy;
    try {
      await this.#fill(attempt.copy);
      if (!this.#isCancelled()) await this.#host.hold(() => this.#switch(attempt));
    } finally {
      this.#copy = undefined;
      await next.close();
      if (attempt.state === 'beside') await this.#folder.removeNext();
    }
    return attempt.state === 'current';
  }

  async #fill(copy: LmdbCopy): Promise<void> {
    let unsyncedSizeBytes = 0;
    while (!(copy.hasAllRows && copy.behindSizeBytes <= heldSizeBytesMax) && !this.#isCancelled()) {
      const beganMs = this.#clock.monotonicMs();
      const { sizeBytes } = await copy.step();
      unsyncedSizeBytes += sizeBytes;
      if (unsyncedSizeBytes >= this.#options.syncSizeBytesMax) {
        unsyncedSizeBytes = 0;
        await this.#folder.syncNext();
      }
      if (copy.behindSizeBytes > this.#options.behindSizeBytesMax) {
        throw new GivenUp('changes come faster than they can be copied');
      }
      await this.#pause(copy, this.#clock.monotonicMs() - beganMs);
    }
    if (!this.#isCancelled()) await this.#folder.syncNext();
  }

  async #pause(copy: LmdbCopy, busyMs: number): Promise<void> {
    if (this.#isCancelled()) return;
    const pauseMs = copy.behindSizeBytes > hurrySizeBytes ? 0 : busyMs * (1 / this.#options.timeShareMax - 1);
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(pauseMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #switch(attempt: Attempt): Promise<void> {
    const { environment, copy } = attempt;
    // Little, with what was committed during the last sync.
    while (!copy.isComplete && !this.#isCancelled()) await copy.step();
    if (this.#isCancelled()) return;
    await copy.finish(environment.position());
    const next = await this.#folder.openNext();
    try {
      if (!this.#isCancelled()) await this.#nameNext(attempt);
    } finally {
      if (attempt.state === 'current') this.#host.replace(next);
      else await next.close();
    }
  }

  async #nameNext(attempt: Attempt): Promise<void> {
    await requireWritable(this.#folder.path, 0);
    attempt.state = 'unknown';
    try {
      await this.#folder.switchToNext();
      attempt.state = 'current';
    } catch (error) {
      if (await this.#folder.isNotSwitched()) attempt.state = 'beside';
      // Which of the two a start would find is not known, and from now on they would differ.
      else await this.#host.fail(error);
      throw error;
    }
  }
}
