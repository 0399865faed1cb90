import { Fifo } from '../base/fifo.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Backend } from '../ports/backend.js';
import type { Entry } from '../raft/types.js';

/**
 * Committed entries on their way to the state machine. They wait while too much of the state is not on disk: a disk
 * that does not keep up slows the member down, and its memory stays bounded.
 */
export class ApplyQueue {
  readonly #backend: Pick<Backend, 'backlogSizeBytes'>;
  readonly #machine: Pick<StateMachine, 'boundToItsEnd'>;
  readonly #backlogSizeBytesMax: number;
  readonly #sizeBytesMax: number;
  readonly #waiting = new Fifo<Entry>();
  #sizeBytes = 0;

  constructor(
    backend: Pick<Backend, 'backlogSizeBytes'>,
    machine: Pick<StateMachine, 'boundToItsEnd'>,
    limits: { readonly stateBacklogSizeBytesMax: number; readonly uncommittedSizeBytesMax: number },
  ) {
    this.#backend = backend;
    this.#machine = machine;
    this.#backlogSizeBytesMax = limits.stateBacklogSizeBytesMax;
    this.#sizeBytesMax = limits.uncommittedSizeBytesMax;
  }

  /** Whether something is to be applied now. */
  get ready(): boolean {
    if (this.#waiting.length === 0) return false;
    // The backlog of an entry that is half applied may be its own: waiting for the disk would have no end.
    return this.#backend.backlogSizeBytes < this.#backlogSizeBytesMax || this.#machine.boundToItsEnd;
  }

  /** So much waits that no more may be taken from a leader; a leader's own limit is Raft's. */
  get full(): boolean {
    return this.#sizeBytes >= this.#sizeBytesMax;
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#sizeBytes += entry.data.length;
    }
  }

  /** What is to be applied next, or under way. */
  get first(): Entry | undefined {
    return this.#waiting.peek();
  }

  /** The first one is applied. */
  shift(): void {
    this.#sizeBytes -= this.#waiting.shift()!.data.length;
  }

  /** A snapshot holds what waits. */
  clear(): void {
    this.#waiting.clear();
    this.#sizeBytes = 0;
  }
}
