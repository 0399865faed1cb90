import { Fifo } from '../../base/fifo.js';
import { aheadBytesPerConnectionMax, type InputAhead } from './input-ahead.js';
import type { MemoryAccount } from './memory-budget.js';
import type { Share } from './share.js';

/** Chunks of one connection that wait behind the one whose turn it is. They count as held. */
export class WaitingInput {
  readonly #ahead: InputAhead;
  readonly #share: Share;
  readonly #memory: MemoryAccount;
  readonly #chunks = new Fifo<Buffer>();
  /** Of them, what counts as read ahead: all but the last, if no room was found for that. */
  #aheadBytes = 0;

  constructor(ahead: InputAhead, share: Share, memory: MemoryAccount) {
    this.#ahead = ahead;
    this.#share = share;
    this.#memory = memory;
  }

  /** @returns whether more may be read; if not, none must come until all have been shifted */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#memory.hold(chunk.length);
    const hasRoom =
      this.#aheadBytes + chunk.length <= aheadBytesPerConnectionMax &&
      this.#ahead.take(this.#share, chunk.length);
    if (hasRoom) this.#aheadBytes += chunk.length;
    return hasRoom;
  }

  shift(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#memory.hold(-chunk.length);
    if (this.#aheadBytes > 0) {
      this.#ahead.give(this.#share, chunk.length);
      this.#aheadBytes -= chunk.length;
    }
    return chunk;
  }

  clear(): void {
    while (this.shift() !== undefined);
  }
}
