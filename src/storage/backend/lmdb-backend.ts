import { assert } from '../../base/assert.js';
import type {
  AppliedPosition,
  Backend,
  BackendInstall,
  BackendView,
  RangeOptions,
  Row,
  TableName,
} from '../../ports/backend.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { DiskError } from '../../ports/disk.js';
import type { DescriptorWait } from '../disk/descriptor-wait.js';
import { Backlog, type SealedTransaction } from './backlog.js';
import { diskErrorOf, requireWritable } from './disk-failure.js';
import { checkPair } from './limits.js';
import type { LmdbEnvironment } from './lmdb-environment.js';
import { LmdbInstall } from './lmdb-install.js';
import { LmdbStateFolder } from './lmdb-state-folder.js';
import { LmdbView } from './lmdb-view.js';

export interface LmdbBackendOptions {
  readonly clock: Clock;
  /** What is applied waits at most about this long for its way to disk. */
  readonly flushIntervalMs: number;
  /**
   * Changed keys, and bytes, of one transaction: so many start a flush at once. The event loop is held up while LMDB
   * takes them, some 2 µs a change. A backlog that grows makes them more, see largerFactor().
   */
  readonly flushKeysMax: number;
  readonly flushSizeBytesMax: number;
  /** Where what finds no file descriptor waits; without it that is a failure of the disk. */
  readonly descriptors: DescriptorWait | undefined;
}

const defaults = {
  flushIntervalMs: 100,
  flushKeysMax: 4096,
  flushSizeBytesMax: 4 * 1024 * 1024,
  descriptors: undefined,
};

/**
 * State in LMDB, with what is not there yet in memory above it. A background flush moves that to LMDB, each time in
 * one transaction together with its applied position; see DESIGN.md.
 */
export class LmdbBackend implements Backend {
  readonly #folder: LmdbStateFolder;
  readonly #options: LmdbBackendOptions;
  readonly #backlog = new Backlog();
  readonly #views = new Set<LmdbView>();
  #environment: LmdbEnvironment;
  #install: Promise<LmdbInstall> | undefined;
  #applied: AppliedPosition;
  #flushed: AppliedPosition;
  /** Flushes that are under way. Never rejects. */
  #running: Promise<void> | undefined;
  /** An installation is taking effect; no flush begins meanwhile. Never rejects. */
  #switching: Promise<void> | undefined;
  #timer: Timer | undefined;
  #failure: DiskError | undefined;
  #listener: (error?: Error) => void = () => {};
  #closed: Promise<void> | undefined;
  /** Closed without another flush. */
  #dropping = false;

  private constructor(folder: LmdbStateFolder, options: LmdbBackendOptions, environment: LmdbEnvironment) {
    this.#folder = folder;
    this.#options = options;
    this.#environment = environment;
    this.#applied = this.#flushed = environment.position();
  }

  /**
   * @param folder exists, and is this backend's alone
   * @throws KvorumError DATA_DAMAGED, DiskError
   */
  static async open(
    folder: string,
    given: Partial<LmdbBackendOptions> & Pick<LmdbBackendOptions, 'clock'>,
  ): Promise<LmdbBackend> {
    const stateFolder = new LmdbStateFolder(folder, given.descriptors);
    const environment = await stateFolder.open();
    try {
      return new LmdbBackend(stateFolder, { ...defaults, ...given }, environment);
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  /** Whether open() would find a state, whole or damaged, rather than make an empty one. Changes nothing. */
  static exists(folder: string): Promise<boolean> {
    return new LmdbStateFolder(folder).exists();
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get flushed(): AppliedPosition {
    return this.#flushed;
  }

  get backlogSizeBytes(): number {
    return this.#backlog.sizeBytes;
  }

  sizeBytes(): number {
    return this.#environment.sizeBytes();
  }

  onFlushed(listener: (error?: Error) => void): void {
    this.#listener = listener;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const held = this.#backlog.get(table, key);
    // Null: removed above, whatever is below.
    return held === undefined ? this.#environment.get(table, key) : (held ?? undefined);
  }

  range(table: TableName, options: RangeOptions): Iterable<Row> {
    return this.#backlog.over(table, options, this.#environment.range(table, options));
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkPair(key, value);
    this.#backlog.set(table, key, value);
  }

  delete(table: TableName, key: Uint8Array): void {
    checkPair(key, undefined);
    this.#backlog.set(table, key, undefined);
  }

  commit(position: AppliedPosition): void {
    assert(position.index >= this.#applied.index, 'the applied index never falls');
    this.#applied = position;
    this.#backlog.commit(position);
    this.#schedule();
  }

  /** Sees to it that what is committed goes to disk: at once if it is much, else soon. */
  #schedule(): void {
    if (this.#closed !== undefined || this.#switching !== undefined) return;
    if (this.#backlog.midBatch || !this.#backlog.hasOpen) return;
    if (this.#running !== undefined) {
      if (this.#isMuch()) this.#backlog.seal();
    } else if (this.#isMuch()) {
      this.#start();
    } else {
      const { clock, flushIntervalMs } = this.#options;
      this.#timer ??= clock.setTimer(flushIntervalMs, () => {
        this.#timer = undefined;
        if (!this.#backlog.midBatch) this.#start();
      });
    }
  }

  #isMuch(): boolean {
    const { flushKeysMax, flushSizeBytesMax } = this.#options;
    const { openKeys, openSizeBytes, sizeBytes } = this.#backlog;
    const factor = largerFactor(sizeBytes);
    return openKeys >= factor * flushKeysMax || openSizeBytes >= factor * flushSizeBytesMax;
  }

  #start(): void {
    this.#backlog.seal();
    this.#running ??= this.#flushSealed();
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async flush(): Promise<void> {
    // Of what is committed by now: under load there is always more.
    this.#backlog.seal();
    await this.#whenDone(this.#backlog.sealedCount);
  }

  async #whenDone(sealedCount: number): Promise<void> {
    while (this.#failure === undefined && this.#backlog.doneCount < sealedCount) {
      if (this.#dropping) throw closedError();
      if (this.#switching === undefined) this.#running ??= this.#flushSealed();
      await (this.#switching ?? this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Brings to disk what is sealed, and what is sealed meanwhile. */
  async #flushSealed(): Promise<void> {
    this.#stopTimer();
    await Promise.resolve();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      try {
        await requireWritable(this.#folder.path, next.sizeBytes);
        await this.#environment.write(this.#backlog.changesOf(next), next.position);
      } catch (error) {
        await this.#fail(error);
        break;
      }
      this.#backlog.done();
      this.#flushed = next.position;
      this.#listener();
    }
    this.#running = undefined;
    if (this.#failure === undefined) this.#schedule();
  }

  #next(): SealedTransaction | undefined {
    const ended = this.#failure !== undefined || this.#dropping;
    return ended || this.#switching !== undefined ? undefined : this.#backlog.next();
  }

  /** The first failure is final: what is on disk now is not known. */
  async #fail(error: unknown): Promise<DiskError> {
    const failure = await diskErrorOf(error, this.#folder.path);
    this.#stopTimer();
    this.#failure ??= failure;
    this.#listener(failure);
    return failure;
  }

  async view(): Promise<BackendView> {
    await this.flush();
    this.#checkOpen();
    const view = new LmdbView(this.#environment, (closed) => this.#views.delete(closed));
    this.#views.add(view);
    return view;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }

  #endViews(): void {
    for (const view of this.#views) view.close();
  }

  async beginInstall(): Promise<BackendInstall> {
    assert(this.#install === undefined, 'one installation at a time');
    this.#checkOpen();
    this.#install = this.#makeInstall();
    return this.#install;
  }

  async #makeInstall(): Promise<LmdbInstall> {
    try {
      const environment = await this.#folder.makeNext();
      return new LmdbInstall(environment, {
        activate: (position, switched) => this.#activate(position, switched),
        abort: () => this.#folder.removeOthers(),
        ended: () => {
          this.#install = undefined;
        },
      });
    } catch (error) {
      this.#install = undefined;
      throw error;
    }
  }

  async #activate(position: AppliedPosition, switched: () => void): Promise<void> {
    const switching = this.#switchTo(position, switched);
    const release = (): void => {
      this.#switching = undefined;
    };
    this.#switching = switching.then(release, release);
    try {
      await switching;
    } catch (error) {
      // Which of the two is named now is not known.
      throw this.#closed === undefined ? await this.#fail(error) : error;
    }
    await this.#folder.removeOthers();
    this.#listener();
  }

  async #switchTo(position: AppliedPosition, switched: () => void): Promise<void> {
    // A flush that is under way belongs to the old environment.
    while (this.#running !== undefined) await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    this.#checkOpen();
    const next = await this.#folder.openNext();
    try {
      this.#checkOpen();
      await this.#folder.switchToNext();
    } catch (error) {
      await next.close();
      throw error;
    }
    const old = this.#environment;
    this.#environment = next;
    this.#backlog.clear();
    this.#stopTimer();
    this.#applied = this.#flushed = position;
    switched();
    this.#endViews();
    await old.close();
  }

  close({ flush = true } = {}): Promise<void> {
    this.#closed ??= this.#end(flush);
    return this.#closed;
  }

  async #end(flush: boolean): Promise<void> {
    this.#stopTimer();
    this.#dropping = !flush;
    try {
      const install = await this.#install?.catch(() => undefined);
      await install?.abort();
      if (!flush) return;
      // A batch that was left in the middle is applied again at the next start, from the log.
      if (!this.#backlog.midBatch) this.#backlog.seal();
      await this.#whenDone(this.#backlog.sealedCount);
    } finally {
      await this.#running;
      this.#endViews();
      await this.#environment.close();
    }
  }
}

const backlogStepSizeBytes = 4 * 1024 * 1024;
const largerFactorMax = 8;

/** A disk that falls behind catches up with larger transactions, which cost less a change. */
function largerFactor(backlogSizeBytes: number): number {
  return Math.min(largerFactorMax, Math.max(1, Math.floor(backlogSizeBytes / backlogStepSizeBytes)));
}

function closedError(): DiskError {
  return new DiskError('failed', 'the state database is closed');
}
