import type { MemberOptions } from '../src/member/options.js';
import type { Machine } from './machine.js';
import type { Process } from './process.js';

interface Surroundings {
  readonly options: Pick<MemberOptions, 'snapshotKeptMs'>;
  readonly driftMax: number;
  readonly fail: (error: unknown) => void;
}

interface Kept {
  readonly machine: Machine;
  /** By the process's clock. */
  sinceMs: number;
  /** It was not stopped since then. */
  ranSinceMs: number;
}

/** Until what is given up is gone from the disk. */
const removalMsMax = 1000;

/** What has arrived of snapshots that broke off: it is gone on with, or gone, within the time that it is kept. */
export class KeptArrivals {
  readonly #around: Surroundings;
  readonly #kept = new Map<Process, Kept>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The connection is gone by which a snapshot came. */
  broken(machine: Machine, process: Process): void {
    const sinceMs = process.monotonicMs();
    this.#kept.set(process, { machine, sinceMs, ranSinceMs: sinceMs });
  }

  connected(process: Process): void {
    this.#kept.delete(process);
  }

  /** Called again and again. */
  look(): void {
    for (const [process, kept] of this.#kept) this.#lookAt(process, kept);
  }

  #lookAt(process: Process, kept: Kept): void {
    const { machine, sinceMs } = kept;
    const { options, driftMax } = this.#around;
    const { life, backend, storage } = machine;
    if (life?.process !== process || backend.arrivingSizeBytes === undefined) {
      this.#kept.delete(process);
      return;
    }
    const nowMs = process.monotonicMs();
    if (process.paused || life.peers.closed || storage.slow) kept.ranSinceMs = nowMs;
    if (nowMs - kept.ranSinceMs < removalMsMax) return;
    // A clock that was fast when the time was set may be slow now.
    const keptMsMax = (options.snapshotKeptMs * (1 + driftMax)) / (1 - driftMax) + removalMsMax;
    if (nowMs - sinceMs < keptMsMax) return;
    this.#around.fail(
      new Error(`${machine.name} keeps what has arrived of a snapshot for ${nowMs - sinceMs} ms`),
    );
  }
}
