import { sizeBytesOf, type PendingOperation } from './operation.js';

/** On its way. */
interface Batch {
  readonly operations: readonly PendingOperation[];
  readonly keyIds: ReadonlySet<string>;
}

/**
 * Operations in the order of their calls, handed out in batches. A key that is in a batch on its way waits with
 * its later operations until that batch is done, so operations on one key never overtake each other.
 */
export class OperationQueue {
  #waiting: PendingOperation[] = [];
  #head = 0;
  /**
   * Taken, and not released. Each has a set of its own, for a set that lives on is bad for what passes through it:
   * the tables that it outgrew, once they are old, hold on to the newer ones and so to all that these held.
   */
  #batches: readonly Batch[] = [];
  /** By key on its way: what waits for it. */
  readonly #parked = new Map<string, PendingOperation[]>();

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  /** All that were pushed, up to the release of their batch. */
  *[Symbol.iterator](): Generator<PendingOperation, void> {
    for (const { operations } of this.#batches) yield* operations;
    for (const parked of this.#parked.values()) yield* parked;
    for (let at = this.#head; at < this.#waiting.length; at++) yield this.#waiting[at]!;
  }

  push(operation: PendingOperation): void {
    this.#waiting.push(operation);
  }

  /** May be empty though the queue is not: then all that waits was parked or settled. */
  take(countMax: number, sizeBytesMax: number): readonly PendingOperation[] {
    const operations: PendingOperation[] = [];
    const keyIds = new Set<string>();
    let sizeBytes = 0;
    while (!this.isEmpty && operations.length < countMax) {
      const operation = this.#waiting[this.#head]!;
      if (!operation.settled) {
        if (this.#isOnItsWay(operation.keyId)) {
          this.#park(operation);
        } else {
          sizeBytes += sizeBytesOf(operation);
          if (sizeBytes > sizeBytesMax && operations.length > 0) break;
          keyIds.add(operation.keyId);
          operations.push(operation);
        }
      }
      this.#head += 1;
    }
    this.#trim();
    if (operations.length > 0) this.#batches = [...this.#batches, { operations, keyIds }];
    return operations;
  }

  #isOnItsWay(keyId: string): boolean {
    for (const { keyIds } of this.#batches) if (keyIds.has(keyId)) return true;
    return false;
  }

  #park(operation: PendingOperation): void {
    const parked = this.#parked.get(operation.keyId);
    if (parked === undefined) this.#parked.set(operation.keyId, [operation]);
    else parked.push(operation);
  }

  /** Ends a batch's hold on its keys. What is to be tried `again` goes before what was parked behind it. */
  release(batch: readonly PendingOperation[], again: readonly PendingOperation[]): void {
    this.#batches = this.#batches.filter(({ operations }) => operations !== batch);
    const first = this.#parked.size === 0 ? [...again] : [...again, ...this.#unpark(batch)];
    if (first.length === 0) return;
    this.#waiting = [...first, ...this.#waiting.slice(this.#head)];
    this.#head = 0;
  }

  /** What waited for the keys of `batch`, key by key, each in the order of the calls. */
  #unpark(batch: readonly PendingOperation[]): PendingOperation[] {
    const free: PendingOperation[] = [];
    for (const { keyId } of batch) {
      const parked = this.#parked.get(keyId);
      if (parked === undefined) continue;
      this.#parked.delete(keyId);
      for (const operation of parked) free.push(operation);
    }
    return free;
  }

  #trim(): void {
    if (this.isEmpty) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}
