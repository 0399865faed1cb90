import type { Backend } from '../ports/backend.js';
import type { Entry } from '../raft/types.js';

/**
 * Committed entries on their way to the state machine. They wait while too much of the state is not on disk: a disk
 * that does not keep up slows the member down, and its memory stays bounded.
 */
export class ApplyQueue {
  readonly #backend: Pick<Backend, 'backlogSizeBytes'>;
  readonly #backlogSizeBytesMax: number;
  readonly #sizeBytesMax: number;
  #waiting: (readonly Entry[])[] = [];
  #sizeBytes = 0;

  constructor(
    backend: Pick<Backend, 'backlogSizeBytes'>,
    limits: { readonly stateBacklogSizeBytesMax: number; readonly uncommittedSizeBytesMax: number },
  ) {
    this.#backend = backend;
    this.#backlogSizeBytesMax = limits.stateBacklogSizeBytesMax;
    this.#sizeBytesMax = limits.uncommittedSizeBytesMax;
  }

  /** Whether take() would give something. */
  get ready(): boolean {
    return this.#waiting.length > 0 && this.#backend.backlogSizeBytes < this.#backlogSizeBytesMax;
  }

  /** So much waits that no more may be taken from a leader; a leader's own limit is Raft's. */
  get full(): boolean {
    return this.#sizeBytes >= this.#sizeBytesMax;
  }

  add(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.#waiting.push(entries);
    this.#sizeBytes += sizeBytesOf(entries);
  }

  /** What is to be applied next, in one batch. */
  take(): readonly Entry[] | undefined {
    if (!this.ready) return undefined;
    const entries = this.#waiting.shift()!;
    this.#sizeBytes -= sizeBytesOf(entries);
    return entries;
  }

  /** A snapshot holds what waits. */
  clear(): void {
    this.#waiting = [];
    this.#sizeBytes = 0;
  }
}

function sizeBytesOf(entries: readonly Entry[]): number {
  let sizeBytes = 0;
  for (const { data } of entries) sizeBytes += data.length;
  return sizeBytes;
}
