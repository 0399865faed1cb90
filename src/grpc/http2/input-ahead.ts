import type { MemoryBudget } from './memory-budget.js';
import type { Share } from './share.js';

/** Of `memoryBytesMax`: what all connections may have read ahead; and of that, what those of one client may have. */
const aheadPart = 1 / 16;
const clientPart = 1 / 4;

/** What one connection may have read ahead. */
export const aheadBytesPerConnectionMax = 256 * 1024;

/**
 * Input that is read while what was read before it still waits for its turn. A chunk is 64 KiB at most: with one a turn, a
 * large message would need dozens of turns where the server has much to do.
 */
export class InputAhead {
  readonly #memory: Pick<MemoryBudget, 'spent'>;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(memory: Pick<MemoryBudget, 'spent'>, memoryBytesMax: number) {
    this.#memory = memory;
    this.#bytesMax = memoryBytesMax * aheadPart;
  }

  /** @returns whether there is room for it; it counts then, until as much is given back */
  take(share: Share, sizeBytes: number): boolean {
    if (this.#memory.spent || this.#bytes + sizeBytes > this.#bytesMax) return false;
    if (share.aheadBytes + sizeBytes > this.#bytesMax * clientPart) return false;
    this.#add(share, sizeBytes);
    return true;
  }

  give(share: Share, sizeBytes: number): void {
    this.#add(share, -sizeBytes);
  }

  #add(share: Share, sizeBytes: number): void {
    this.#bytes += sizeBytes;
    share.aheadBytes += sizeBytes;
  }
}
