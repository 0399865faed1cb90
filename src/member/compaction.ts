import { Work } from '../base/work.js';
import type { Command } from '../fsm/command.js';
import type { Timer } from '../ports/clock.js';
import { CompactionPace } from './compaction-pace.js';
import { CompactionPolicy } from './compaction-policy.js';
import type { MemberParts } from './parts.js';

/**
 * Forgets the past. The leader asks for it, by the rules of the options; every member removes what was asked for, a slice
 * at a time, beside everything else that it does, also when it is idle. While much waits for the disk nothing is added to
 * that.
 */
export class Compaction {
  readonly #parts: MemberParts;
  readonly #write: (command: Command) => Promise<unknown>;
  readonly #failed: (error: unknown) => void;
  readonly #policy: CompactionPolicy;
  readonly #pace = new CompactionPace();
  #asking = false;
  #timer: Timer | undefined;
  #ended = false;

  constructor(
    parts: MemberParts,
    write: (command: Command) => Promise<unknown>,
    failed: (error: unknown) => void,
  ) {
    this.#parts = parts;
    this.#write = write;
    this.#failed = failed;
    this.#policy = new CompactionPolicy(parts.options);
  }

  tick(): void {
    const { machine, clock, raft } = this.#parts;
    const due = this.#policy.due(clock.monotonicMs(), machine.revision);
    // Nothing due is 0, and a store that was never compacted stands below that.
    if (due > 0 && due > machine.compactRevision && raft.role === 'leader') this.#ask(due);
    if (this.#timer === undefined) this.#wait(0);
  }

  #ask(revision: number): void {
    if (this.#asking) return;
    this.#asking = true;
    const { log } = this.#parts;
    this.#write({ type: 'compact', revision })
      .catch((error: unknown) => {
        log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'compacting later');
      })
      .finally(() => {
        this.#asking = false;
      });
  }

  #wait(restMs: number): void {
    const { machine, backend, clock, options } = this.#parts;
    const backlogged = 2 * backend.backlogSizeBytes >= options.stateBacklogSizeBytesMax;
    if (this.#ended || backlogged || !machine.compactionPending) return;
    this.#timer = clock.setTimer(restMs, () => {
      this.#timer = undefined;
      try {
        this.#slice();
      } catch (error) {
        this.#failed(error);
      }
    });
  }

  #slice(): void {
    const { machine, clock, options } = this.#parts;
    const begunMs = clock.monotonicMs();
    let worked = false;
    for (let slices = 1; ; slices++) {
      const work = new Work(options.compactionUnitsMax);
      const looked = machine.compactSlice(work);
      if (work.units === 0) break;
      worked = true;
      this.#pace.sliced(looked, machine.keys.changesWritten, machine.compactionPending);
      if (!this.#pace.goesOn(slices)) break;
    }
    // Something keeps it from going on: it looks again with the next tick.
    if (!worked) return;
    machine.commit();
    this.#wait(this.#pace.restMs(clock.monotonicMs() - begunMs));
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }
}
