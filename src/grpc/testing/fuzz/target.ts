import { crc32c } from '../../../base/crc32c.js';
import { Prng, type RandomSource } from '../../../base/prng.js';

/** Something to feed with inputs. */
export interface FuzzTarget {
  readonly name: string;
  /** Well-formed inputs to begin with; those of the corpus come to them. */
  readonly seeds: readonly Buffer[];
  mutate(random: RandomSource, input: Buffer, others: readonly Buffer[]): Buffer;
  /**
   * Runs inputs, independent of each other.
   *
   * @returns what each led to, in words that are the same for inputs that take the same way
   * @throws for what must not happen
   */
  run(inputs: readonly Buffer[]): Promise<string[]> | string[];
}

/** Chance while an input runs comes from the input, so that it runs the same way by itself. */
export function randomOf(input: Buffer): Prng {
  return new Prng(crc32c(input));
}
