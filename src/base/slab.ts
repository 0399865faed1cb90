import { assert } from './assert.js';

const blockSizeBytes = 64 * 1024;
/** Larger pieces get memory of their own: little would be saved, and one could keep a whole block alive. */
const pieceSizeBytesMax = blockSizeBytes / 16;

/**
 * Cuts small byte strings from large blocks. The engine makes and frees memory for hundreds of them at once,
 * where each would cost an allocation outside its heap. A block lives as long as any piece of it: for pieces
 * that are let go at about the same time.
 */
export class Slab {
  #block = new ArrayBuffer(0);
  #used = 0;

  /** @returns `sizeBytes` zeros, shared with nobody */
  take(sizeBytes: number): Uint8Array {
    assert(sizeBytes >= 0, 'a piece has a size');
    if (sizeBytes > pieceSizeBytesMax) return new Uint8Array(sizeBytes);
    if (sizeBytes > this.#block.byteLength - this.#used) {
      this.#block = new ArrayBuffer(blockSizeBytes);
      this.#used = 0;
    }
    const piece = new Uint8Array(this.#block, this.#used, sizeBytes);
    this.#used += sizeBytes;
    return piece;
  }
}
