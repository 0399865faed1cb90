import { DiskError } from '../src/ports/disk.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import type { BackendOperation, MemoryBackend } from '../src/storage/backend/memory-backend.js';
import type { MemoryDisk } from '../src/storage/disk/memory-disk.js';
import type { DiskOperation } from '../src/storage/disk/memory-file.js';
import type { Dice } from './dice.js';
import type { DiskPlan } from './disk-plan.js';
import type { Process } from './process.js';

/** Operations of which the next one fails. */
export type FailingOperation = 'read' | 'write' | 'sync' | 'flush';

/** One operation takes no longer. */
const slowMsMax = 5000;

interface Surroundings {
  readonly clock: VirtualClock;
  readonly plan: DiskPlan;
  readonly dice: Dice;
  /** Told of each operation that has taken effect. */
  readonly done: (operation: DiskOperation | BackendOperation, path: string) => void;
  /** What members leave free when they take in a snapshot. */
  readonly reserveSizeBytes: number;
  /** One has gone on though it was told that there is less. */
  readonly reserveTouched: () => void;
}

/** How the storage of one machine behaves: how long it takes, and what of it fails. Outlives the processes. */
export class DiskModel {
  readonly #around: Surroundings;
  readonly #failing = new Set<FailingOperation>();
  #beforeSync: (() => void) | undefined;
  #beforeInstall: (() => Promise<void>) | undefined;
  #beforePrepare: (() => void) | undefined;
  #isReserveLeft = (): boolean => true;
  /** How many times slower than planned. */
  slowness = 1;
  /** By then all has ended that was begun slowly. */
  #slowUntilMs = 0;
  /** When each slow operation on the log began that the process has yet to wait for. */
  #slowLogOperations = new Set<{ readonly beganMs: number }>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The next `operation` fails. */
  arm(operation: FailingOperation): void {
    this.#failing.add(operation);
  }

  disarm(): void {
    this.#failing.clear();
    this.#beforeSync = undefined;
    this.#beforeInstall = undefined;
    this.#beforePrepare = undefined;
  }

  /** Calls `action` when the next sync has begun, and has not taken effect. */
  beforeNextSync(action: () => void): void {
    this.#beforeSync = action;
  }

  /** The next state that was brought by a snapshot is put in place when what `action` returns has ended. */
  beforeNextInstall(action: () => Promise<void>): void {
    this.#beforeInstall = action;
  }

  /** Calls `action` when the next state that was brought by a snapshot is here as a whole, and not durable. */
  beforeNextPrepare(action: () => void): void {
    this.#beforePrepare = action;
  }

  /** Something takes longer than planned. */
  get slow(): boolean {
    return this.slowness > 1 || this.#around.clock.monotonicMs() < this.#slowUntilMs;
  }

  /** Since when the log has been at its oldest slow operation; undefined: it is at none. */
  get slowLogSinceMs(): number | undefined {
    for (const { beganMs } of this.#slowLogOperations) return beganMs;
    return undefined;
  }

  /** Connects the storage to the process that uses it from now on. */
  attach(disk: MemoryDisk, backend: MemoryBackend, process: Process): void {
    const { dice } = this.#around;
    this.#beforeSync = undefined;
    this.#beforeInstall = undefined;
    this.#beforePrepare = undefined;
    this.#slowLogOperations = new Set();
    disk.damage = dice;
    disk.faults = (operation, path) => this.#begin(operation, path);
    disk.report = (operation, path) => this.#report(operation, path, process);
    backend.faults = (operation) => this.#beginState(operation, process);
    disk.takenByOthers = () => backend.sizeBytes() + (backend.arrivingSizeBytes ?? 0);
    if (this.#around.plan.viewMsMax > 0) this.#delayViews(backend, process);
    this.#watchSpace(disk);
  }

  #delayViews(backend: MemoryBackend, process: Process): void {
    const { plan, dice } = this.#around;
    const open = backend.view.bind(backend);
    backend.view = async () => {
      const view = await open();
      await new Promise<void>((resolve) => process.setTimer(dice.ms(0, plan.viewMsMax), resolve));
      return view;
    };
  }

  #watchSpace(disk: MemoryDisk): void {
    const space = disk.space.bind(disk);
    let told = -Infinity;
    disk.space = async () => {
      told = await space();
      return told;
    };
    this.#isReserveLeft = () => disk.capacityBytes === Infinity || told >= this.#around.reserveSizeBytes;
  }

  #begin(operation: DiskOperation, path: string): DiskError | undefined | Promise<DiskError | undefined> {
    const { plan, dice } = this.#around;
    if (operation === 'sync' && this.#beforeSync !== undefined) {
      const action = this.#beforeSync;
      this.#beforeSync = undefined;
      action();
    }
    const error = this.#failure(operation, path);
    let delayMs = 0;
    if (operation === 'sync') delayMs = dice.ms(plan.syncMsMin, plan.syncMsMax);
    else if (dice.chance(plan.writeDelayProbability)) delayMs = dice.ms(0, Math.max(1, plan.syncMsMax));
    if (delayMs === 0) return error;
    const end = this.#beginSlow(operation, path);
    return this.#after(delayMs, error).finally(end);
  }

  /** @returns what is called when the operation has ended, where the log may be at it for long */
  #beginSlow(operation: DiskOperation, path: string): () => void {
    const isOfLog =
      (operation === 'write' || operation === 'sync') && path.startsWith('wal/') && !path.endsWith('.tmp');
    if (!isOfLog || this.slowness === 1) return () => {};
    const operations = this.#slowLogOperations;
    const slow = { beganMs: this.#around.clock.monotonicMs() };
    operations.add(slow);
    return () => void operations.delete(slow);
  }

  #failure(operation: DiskOperation, path: string): DiskError | undefined {
    const kind = operation === 'open' || operation === 'list' ? 'read' : operation;
    if (this.#failing.size === 0 || !this.#failing.delete(kind as FailingOperation)) return undefined;
    return new DiskError('failed', `${operation} ${path}: ${injectedError}`);
  }

  /** What a slow disk has begun goes on as slowly when it is fast again, but not for ever. */
  #slowed(delayMs: number): number {
    if (this.slowness === 1) return delayMs;
    const slowMs = Math.min(delayMs * this.slowness, Math.max(delayMs, slowMsMax));
    this.#slowUntilMs = Math.max(this.#slowUntilMs, this.#around.clock.monotonicMs() + slowMs);
    return slowMs;
  }

  async #after(delayMs: number, error: DiskError | undefined): Promise<DiskError | undefined> {
    await new Promise<void>((resolve) => {
      this.#around.clock.setTimer(this.#slowed(delayMs), resolve);
    });
    return error;
  }

  #report(operation: DiskOperation, path: string, process: Process): Promise<void> | undefined {
    const { plan, dice, clock, done } = this.#around;
    done(operation, path);
    if (!dice.chance(plan.reportDelayProbability)) return process.paused ? process.entering() : undefined;
    const end = this.#beginSlow(operation, path);
    return new Promise((resolve) => {
      clock.setTimer(this.#slowed(dice.ms(0, Math.max(1, plan.syncMsMax))), () => {
        end();
        process.enter(resolve);
      });
    });
  }

  #beginPrepare(): void {
    const action = this.#beforePrepare;
    this.#beforePrepare = undefined;
    action?.();
  }

  async #beginInstall(): Promise<void> {
    const { plan, dice } = this.#around;
    const action = this.#beforeInstall;
    this.#beforeInstall = undefined;
    await action?.();
    if (plan.installMsMax > 0) await this.#after(dice.ms(0, plan.installMsMax), undefined);
  }

  async #beginState(operation: BackendOperation, process: Process): Promise<DiskError | undefined> {
    const { plan, dice, done } = this.#around;
    if (operation === 'add') {
      if (!this.#isReserveLeft()) this.#around.reserveTouched();
      return undefined;
    }
    if (operation === 'abort') return undefined;
    if (operation === 'prepare') this.#beginPrepare();
    if (operation === 'activate') await this.#beginInstall();
    await this.#after(dice.ms(plan.syncMsMin, plan.syncMsMax * 3), undefined);
    if (process.paused) await process.entering();
    if (this.#failing.delete('flush')) return new DiskError('failed', `state ${operation}: ${injectedError}`);
    done(operation, 'state');
    return undefined;
  }
}

/** Errors that the simulator made are told by this from those that it did not. */
export const injectedError = 'input/output error';
