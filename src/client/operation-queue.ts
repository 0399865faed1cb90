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
  /** What lies before the head has left; its places may be taken again. */
  #waiting: (PendingOperation | undefined)[] = [];
  #head = 0;
  /**
   * Taken, and not released. Each has a set of its own, for a set that lives on is bad for what passes through it:
   * the tables that it outgrew, once they are old, hold on to the newer ones and so to all that these held.
   */
  #batches: readonly Batch[] = [];
  /** By key on its way: what waits for it. */
  readonly #parked = new Map<string, PendingOperation[]>();
  #parkedCount = 0;

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length;
  }

  /** Not on their way, settled or not. */
  get waitingCount(): number {
    return this.#waiting.length - this.#head + this.#parkedCount;
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

  /**
   * May be empty though the queue is not: then all that waits was parked or settled. Gets past `getsMax`, and what
   * follows on their keys, keep their places; writes behind them go along.
   */
  take(countMax: number, sizeBytesMax: number, getsMax = countMax): readonly PendingOperation[] {
    const operations: PendingOperation[] = [];
    const keyIds = new Set<string>();
    const kept: PendingOperation[] = [];
    const keptKeyIds = new Set<string>();
    let sizeBytes = 0;
    let getCount = 0;
    while (!this.isEmpty && operations.length + kept.length < countMax) {
      const operation = this.#waiting[this.#head]!;
      if (!operation.settled) {
        if (this.#isOnItsWay(operation.keyId)) {
          this.#park(operation);
        } else if (
          (operation.kind === 'get' && getCount >= getsMax) ||
          (kept.length > 0 && keptKeyIds.has(operation.keyId))
        ) {
          kept.push(operation);
          keptKeyIds.add(operation.keyId);
        } else {
          sizeBytes += sizeBytesOf(operation);
          if (sizeBytes > sizeBytesMax && operations.length > 0) break;
          if (operation.kind === 'get') getCount += 1;
          keyIds.add(operation.keyId);
          operations.push(operation);
        }
      }
      this.#waiting[this.#head++] = undefined;
    }
    if (kept.length > 0) this.#putFirst(kept);
    if (operations.length > 0) this.#batches = [...this.#batches, { operations, keyIds }];
    this.#trim();
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
    this.#parkedCount += 1;
  }

  /** Forgets what was settled and is not on its way. */
  dropSettled(): void {
    const isWaiting = ({ settled }: PendingOperation): boolean => !settled;
    this.#waiting = this.#waiting.slice(this.#head).filter((operation) => isWaiting(operation!));
    this.#head = 0;
    this.#parkedCount = 0;
    for (const [keyId, operations] of this.#parked) {
      const left = operations.filter(isWaiting);
      this.#parkedCount += left.length;
      if (left.length === 0) this.#parked.delete(keyId);
      else if (left.length < operations.length) this.#parked.set(keyId, left);
    }
  }

  /** Ends a batch's hold on its keys. What is to be tried `again` goes before what was parked behind it. */
  release(batch: readonly PendingOperation[], again: readonly PendingOperation[]): void {
    this.#batches = this.#batches.filter(({ operations }) => operations !== batch);
    this.#putFirst(this.#parked.size === 0 ? again : [...again, ...this.#unpark(batch)]);
  }

  /** These have been in front before, so there is room for them as long as nothing was trimmed. */
  #putFirst(operations: readonly PendingOperation[]): void {
    const from = this.#head - operations.length;
    if (from < 0) {
      this.#waiting = [...operations, ...this.#waiting.slice(this.#head)];
      this.#head = 0;
      return;
    }
    for (let nth = 0; nth < operations.length; nth++) this.#waiting[from + nth] = operations[nth]!;
    this.#head = from;
  }

  /** What waited for the keys of `batch`, key by key, each in the order of the calls. */
  #unpark(batch: readonly PendingOperation[]): PendingOperation[] {
    const free: PendingOperation[] = [];
    for (const { keyId } of batch) {
      const parked = this.#parked.get(keyId);
      if (parked === undefined) continue;
      this.#parked.delete(keyId);
      this.#parkedCount -= parked.length;
      for (const operation of parked) free.push(operation);
    }
    return free;
  }

  #trim(): void {
    if (this.isEmpty) {
      this.#waiting = [];
      this.#head = 0;
      return;
    }
    // Room is left for what may come back.
    let room = this.#parkedCount;
    for (const { operations } of this.#batches) room += operations.length;
    const surplus = this.#head - room;
    if (surplus > 1024 && surplus * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(surplus);
      this.#head = room;
    }
  }
}
