import { Prng, randomInt, type RandomSource } from '../src/base/prng.js';

/** Chance in the shapes that the simulator needs, all from one stream. */
export class Dice implements RandomSource {
  readonly #random: RandomSource;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** A stream of its own for each name: what one part draws changes nothing for the others. */
  static of(seed: number, name: string): Dice {
    let hash = 0xcbf29ce484222325n;
    for (let at = 0; at < name.length; at++) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(name.charCodeAt(at))) * 0x100000001b3n);
    }
    return new Dice(new Prng(BigInt.asUintN(64, hash + BigInt(seed) * 0x9e3779b97f4a7c15n)));
  }

  nextUint32(): number {
    return this.#random.nextUint32();
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return randomInt(this.#random, bound);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.nextUint32() < probability * 0x1_0000_0000;
  }

  /** Milliseconds in [least, most), in steps of a thousandth at most. */
  ms(leastMs: number, mostMs: number): number {
    const steps = Math.floor((mostMs - leastMs) * 1000);
    return steps <= 0 ? leastMs : leastMs + this.below(steps) / 1000;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** `list` in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const all = [...list];
    for (let at = all.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [all[at], all[other]] = [all[other]!, all[at]!];
    }
    return all;
  }
}
