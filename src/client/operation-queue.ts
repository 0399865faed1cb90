import { sizeBytesOf, type PendingOperation } from './operation.js';

/**
 * Operations in the order of their calls, handed out in batches. A key that is in a batch on its way waits with
 * its later operations until that batch is done, so operations on one key never overtake each other.
 */
export class OperationQueue {
  #waiting: PendingOperation[] = [];
  #head = 0;
  /** By key on its way: what waits for it. */
  readonly #parked = new Map<string, PendingOperation[]>();

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  push(operation: PendingOperation): void {
    this.#waiting.push(operation);
  }

  /** May be empty though the queue is not: then all that waits was parked or settled. */
  take(countMax: number, sizeBytesMax: number): PendingOperation[] {
    const batch: PendingOperation[] = [];
    const taken = new Set<string>();
    let sizeBytes = 0;
    while (!this.isEmpty && batch.length < countMax) {
      const operation = this.#waiting[this.#head]!;
      if (!operation.settled) {
        const parked = taken.has(operation.keyText) ? undefined : this.#parked.get(operation.keyText);
        if (parked !== undefined) {
          parked.push(operation);
        } else {
          sizeBytes += sizeBytesOf(operation);
          if (sizeBytes > sizeBytesMax && batch.length > 0) break;
          if (!taken.has(operation.keyText)) {
            taken.add(operation.keyText);
            this.#parked.set(operation.keyText, []);
          }
          batch.push(operation);
        }
      }
      this.#head += 1;
    }
    this.#trim();
    return batch;
  }

  /** Ends a batch's hold on its keys. What is to be tried `again` goes before what was parked behind it. */
  release(batch: readonly PendingOperation[], again: readonly PendingOperation[]): void {
    const first = [...again];
    for (const { keyText } of batch) {
      const parked = this.#parked.get(keyText);
      if (parked === undefined) continue;
      this.#parked.delete(keyText);
      for (const operation of parked) first.push(operation);
    }
    if (first.length === 0) return;
    this.#waiting = [...first, ...this.#waiting.slice(this.#head)];
    this.#head = 0;
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
