/** A stream of random 32-bit numbers. */
export interface RandomSource {
  /** Uniform in [0, 2^32). */
  nextUint32(): number;
}

/**
 * Seeded generator (sfc32 by Chris Doty-Humphrey, seeded through splitmix32): the same seed gives the same
 * stream on every machine. Not for secrets.
 */
export class Prng implements RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any safe integer or 64-bit bigint */
  constructor(seed: number | bigint) {
    const wide = BigInt.asUintN(64, BigInt(seed));
    let state = Number(wide & 0xffff_ffffn) ^ Number(wide >> 32n);
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = splitmix() ^ Number(wide & 0xffff_ffffn);
    this.#b = splitmix() ^ Number(wide >> 32n);
    this.#c = splitmix();
    for (let round = 0; round < 12; round++) this.nextUint32();
  }

  nextUint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Uniform integer in [0, bound). `bound` is 1 to 2^32. */
export function randomInt(source: RandomSource, bound: number): number {
  return Math.floor((source.nextUint32() / 0x1_0000_0000) * bound);
}

/** Uniform non-zero 63-bit id: positive for clients that read it as a signed number. */
export function randomId(source: RandomSource): bigint {
  for (;;) {
    const id = (BigInt(source.nextUint32() & 0x7fff_ffff) << 32n) | BigInt(source.nextUint32());
    if (id !== 0n) return id;
  }
}
