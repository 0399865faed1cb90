import type { HpackEncoder } from '../hpack/encoder.js';

/** Lists that are worth remembering; further ones are encoded each time. */
const rememberedMax = 16;

/**
 * Encodes header lists, and remembers the bytes of those lists that are frozen, which every call uses: as long
 * as the encoder's table stands still, the same list is the same bytes.
 */
export class ResponseBlocks {
  readonly #encoder: HpackEncoder;
  readonly #remembered = new Map<readonly string[], Uint8Array>();
  #generation = -1;

  constructor(encoder: HpackEncoder) {
    this.#encoder = encoder;
  }

  setTableSizeMax(sizeBytes: number): void {
    this.#encoder.setTableSizeMax(sizeBytes);
  }

  encode(headers: readonly string[]): Uint8Array {
    const encoder = this.#encoder;
    if (encoder.sizeUpdateDue) return encoder.encode(headers);
    if (this.#generation === encoder.generation) {
      const known = this.#remembered.get(headers);
      if (known !== undefined) return known;
    } else {
      this.#remembered.clear();
      this.#generation = encoder.generation;
    }
    const block = encoder.encode(headers);
    // A block that put something into the table reads differently the next time.
    const still = this.#generation === encoder.generation;
    if (still && this.#remembered.size < rememberedMax && Object.isFrozen(headers)) {
      this.#remembered.set(headers, block);
    }
    return block;
  }
}
