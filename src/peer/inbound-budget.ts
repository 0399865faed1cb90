/** Memory of frames that are not whole yet, over all connections of members. Past it one of them goes on at a time. */
export const inboundSizeBytesMax = 64 * 1024 * 1024;

interface Holder {
  pause(): void;
  resume(): void;
}

/**
 * Counts what connections hold of frames that have not arrived in full. When it is too much, all stop reading but the
 * one that has held for longest: its frame comes to an end, and then the others go on. So it is never too much by more
 * than that one frame, and a chunk for each.
 */
export class InboundBudget {
  /** Those that hold anything, whoever began first in front. */
  readonly #held = new Map<Holder, number>();
  readonly #paused = new Set<Holder>();
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get pausedCount(): number {
    return this.#paused.size;
  }

  /** @param sizeBytes what it holds now */
  update(holder: Holder, sizeBytes: number): void {
    const before = this.#held.get(holder) ?? 0;
    if (before === 0 && sizeBytes === 0) return;
    this.#sizeBytes += sizeBytes - before;
    // A frame has come to its end: the next one stands behind those that wait.
    if (sizeBytes < before) this.#held.delete(holder);
    if (sizeBytes > 0) this.#held.set(holder, sizeBytes);
    if (this.#sizeBytes > inboundSizeBytesMax) this.#hold(holder);
    else this.#release();
  }

  /** Its connection is closed. */
  delete(holder: Holder): void {
    this.#paused.delete(holder);
    this.update(holder, 0);
  }

  #hold(holder: Holder): void {
    const [first] = this.#held.keys();
    if (holder !== first && this.#held.has(holder)) {
      this.#paused.add(holder);
      holder.pause();
    }
    if (this.#paused.delete(first!)) first!.resume();
  }

  #release(): void {
    for (const holder of this.#paused) holder.resume();
    this.#paused.clear();
  }
}
