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
import type { Clock } from '../../ports/clock.js';
import type { DescriptorWait } from '../disk/descriptor-wait.js';
import { diskErrorOf, requireWritable } from './disk-failure.js';
import { closedError, Flusher, type FlushOptions } from './flusher.js';
import { checkPair } from './limits.js';
import type { LmdbEnvironment } from './lmdb-environment.js';
import { LmdbInstall } from './lmdb-install.js';
import { LmdbShrinker, shrinkDefaults, type ShrinkOptions, type ShrinkReport } from './lmdb-shrinker.js';
import { LmdbStateFolder } from './lmdb-state-folder.js';
import { LmdbViews } from './lmdb-views.js';

export interface LmdbBackendOptions extends FlushOptions {
  readonly clock: Clock;
  /** Where what finds no file descriptor waits; without it that is a failure of the disk. */
  readonly descriptors: DescriptorWait | undefined;
  readonly shrink: Partial<ShrinkOptions>;
  /** Told of each attempt to make the file smaller. */
  readonly onShrink: (report: ShrinkReport) => void;
}

const defaults = {
  flushIntervalMs: 100,
  flushKeysMax: 4096,
  flushSizeBytesMax: 4 * 1024 * 1024,
  descriptors: undefined,
  shrink: {},
  onShrink: () => {},
};

/**
 * State in LMDB, with what is not there yet in memory above it. A background flush moves that to LMDB, each time in
 * one transaction together with its applied position; see DESIGN.md.
 */
export class LmdbBackend implements Backend {
  readonly #folder: LmdbStateFolder;
  readonly #flusher: Flusher<LmdbEnvironment>;
  readonly #shrinker: LmdbShrinker;
  readonly #views = new LmdbViews();
  /** Environments that are no longer current, until they are closed and removed. */
  readonly #former = new Set<Promise<void>>();
  #install: Promise<LmdbInstall> | undefined;
  #applied: AppliedPosition;
  #installedAt: AppliedPosition | undefined;
  #listener: (error?: Error) => void = () => {};
  #closed: Promise<void> | undefined;

  private constructor(folder: LmdbStateFolder, options: LmdbBackendOptions, environment: LmdbEnvironment) {
    this.#folder = folder;
    this.#flusher = new Flusher(environment, options, {
      requireWritable: (sizeBytes) => requireWritable(folder.path, sizeBytes),
      errorOf: (error) => diskErrorOf(error, folder.path),
      committed: (changes, sizeBytes) => this.#shrinker.committed(changes, sizeBytes),
      flushed: (error) => {
        if (error !== undefined) void this.#shrinker.cancel();
        this.#listener(error);
      },
    });
    this.#applied = this.#flusher.flushed;
    this.#installedAt = environment.installedAt();
    this.#shrinker = this.#makeShrinker(options);
  }

  #makeShrinker({ clock, shrink, onShrink }: LmdbBackendOptions): LmdbShrinker {
    const flusher = this.#flusher;
    return new LmdbShrinker(
      this.#folder,
      clock,
      { ...shrinkDefaults, ...shrink },
      {
        get environment() {
          return flusher.target;
        },
        mayBegin: () =>
          this.#install === undefined && this.#former.size === 0 && flusher.failure === undefined,
        hold: (work) => flusher.hold(work),
        replace: (next) => {
          const old = flusher.target;
          flusher.replace(next);
          this.#retire(old);
        },
        fail: (error) => flusher.fail(error),
        report: onShrink,
      },
    );
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

  get installedAt(): AppliedPosition | undefined {
    return this.#installedAt;
  }

  get flushed(): AppliedPosition {
    return this.#flusher.flushed;
  }

  get backlogSizeBytes(): number {
    return this.#flusher.backlog.sizeBytes;
  }

  sizeBytes(): number {
    return this.#flusher.target.sizeBytes();
  }

  onFlushed(listener: (error?: Error) => void): void {
    this.#listener = listener;
  }

  get(table: TableName, key: Uint8Array): Uint8Array | undefined {
    const held = this.#flusher.backlog.get(table, key);
    // Null: removed above, whatever is below.
    return held === undefined ? this.#flusher.target.get(table, key) : (held ?? undefined);
  }

  range(table: TableName, options: RangeOptions): Iterable<Row> {
    const { backlog, target } = this.#flusher;
    return backlog.over(table, options, target.range(table, options));
  }

  put(table: TableName, key: Uint8Array, value: Uint8Array): void {
    checkPair(key, value);
    this.#flusher.backlog.set(table, key, value);
  }

  delete(table: TableName, key: Uint8Array): void {
    checkPair(key, undefined);
    this.#flusher.backlog.set(table, key, undefined);
  }

  commit(position: AppliedPosition): void {
    assert(position.index >= this.#applied.index, 'the applied index never falls');
    this.#applied = position;
    this.#flusher.commit(position);
  }

  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  async view(): Promise<BackendView> {
    await this.flush();
    this.#checkOpen();
    return this.#views.open(this.#flusher.target);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }

  /** Closes and removes what is no longer current, once no view is left of it. */
  #retire(old: LmdbEnvironment): void {
    const gone = this.#views
      .whenUnused(old)
      .then(() => old.close())
      .then(() => this.#folder.removeFormer(old))
      .finally(() => this.#former.delete(gone));
    this.#former.add(gone);
  }

  async beginInstall(): Promise<BackendInstall> {
    assert(this.#install === undefined, 'one installation at a time');
    this.#checkOpen();
    this.#install = this.#makeInstall();
    return this.#install;
  }

  async #makeInstall(): Promise<LmdbInstall> {
    try {
      await this.#shrinker.cancel();
      const environment = await this.#folder.makeNext();
      return new LmdbInstall(environment, {
        sync: () => this.#folder.syncNext(),
        prepare: () => this.#folder.openNext(),
        activate: (next, position, switched) => this.#activate(next, position, switched),
        abort: () => this.#folder.removeNext(),
        ended: () => {
          this.#install = undefined;
        },
      });
    } catch (error) {
      this.#install = undefined;
      throw error;
    }
  }

  async #activate(next: LmdbEnvironment, position: AppliedPosition, switched: () => void): Promise<void> {
    try {
      await this.#flusher.hold(() => this.#switchTo(next, position, switched));
    } catch (error) {
      if (this.#flusher.target !== next) await next.close();
      // Which of the two is named now is not known.
      throw this.#closed === undefined ? await this.#flusher.fail(error) : error;
    }
    await Promise.all(this.#former);
    this.#listener();
  }

  async #switchTo(next: LmdbEnvironment, position: AppliedPosition, switched: () => void): Promise<void> {
    this.#checkOpen();
    await this.#folder.switchToNext();
    const old = this.#flusher.target;
    this.#flusher.replaceAll(next, position);
    this.#applied = this.#installedAt = position;
    switched();
    this.#views.end();
    this.#retire(old);
  }

  endWaits(): void {
    this.#flusher.endWaits();
  }

  close({ flush = true } = {}): Promise<void> {
    this.#closed ??= this.#end(flush);
    return this.#closed;
  }

  async #end(flush: boolean): Promise<void> {
    this.#flusher.stop({ flush });
    try {
      await this.#shrinker.stop();
      const install = await this.#install?.catch(() => undefined);
      await install?.abort();
      // A batch that was left in the middle is applied again at the next start, from the log.
      if (flush) await this.#flusher.flushRest();
    } finally {
      await this.#flusher.whenIdle();
      this.#views.end();
      await Promise.all(this.#former);
      await this.#flusher.target.close();
    }
  }
}
