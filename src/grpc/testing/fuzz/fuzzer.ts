import { assert } from '../../../base/assert.js';
import { Prng } from '../../../base/prng.js';
import { processorMs, timeLimitMs, withinTime } from '../../../base/testing/stopwatch.js';
import { pick } from './mutator.js';
import type { FuzzTarget } from './target.js';

export interface FuzzRun {
  readonly target: FuzzTarget;
  readonly seed: number;
  /** Mutated inputs to run, beside seeds and corpus. */
  readonly inputs: number;
  readonly corpus: readonly Buffer[];
  /** Told now and then how many were run. */
  readonly progress?: (ran: number) => void;
}

/** An input that did what must not happen, or several that only together do. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';

  constructor(target: FuzzTarget, inputs: readonly Buffer[], seed: number, cause: unknown) {
    const replayed = inputs.map((input) => ` --input ${input.toString('hex')}`).join('');
    super(`${target.name}, seed ${seed}: npm run fuzz -- --target ${target.name}${replayed}`, { cause });
  }
}

const batchSize = 100;
const poolLengthMax = 3000;
/** Longer ones are run, but neither mutated further nor kept. */
const pooledSizeBytesMax = 4096;
const foundSizeBytesMax = 512;

/**
 * Runs seeds and corpus, then what a seeded generator makes of them; an input that led to what none had led to
 * before is mutated further. An input fails, too, when its time is out of proportion to its length.
 *
 * @returns for each outcome the shortest input that was found, or undefined if all were long
 * @throws FuzzFailure
 */
export async function fuzz(run: FuzzRun): Promise<Map<string, Buffer | undefined>> {
  const { target, seed, inputs, corpus, progress } = run;
  const random = new Prng(seed);
  const pool = [...target.seeds, ...corpus];
  const found = new Map<string, Buffer | undefined>();
  const take = async (batch: readonly Buffer[]): Promise<void> => {
    const outcomes = await runAll(target, batch, seed);
    outcomes.forEach((outcome, at) => {
      const input = batch[at]!;
      const isNew = !found.has(outcome);
      const shortestBytes = found.get(outcome)?.length ?? foundSizeBytesMax;
      if (input.length < shortestBytes) found.set(outcome, Buffer.from(input));
      else if (isNew) found.set(outcome, undefined);
      const pooled = isNew && input.length <= pooledSizeBytesMax && pool.length < poolLengthMax;
      if (pooled) pool.push(Buffer.from(input));
    });
  };
  for (let at = 0; at < pool.length; at += batchSize) await take(pool.slice(at, at + batchSize));
  for (let ran = 0; ran < inputs;) {
    const count = Math.min(batchSize, inputs - ran);
    await take(Array.from({ length: count }, () => target.mutate(random, pick(random, pool), pool)));
    ran += count;
    progress?.(ran);
  }
  return found;
}

async function runAll(target: FuzzTarget, batch: readonly Buffer[], seed: number): Promise<string[]> {
  const began = processorMs();
  let outcomes: string[];
  try {
    outcomes = await target.run(batch);
    assert(outcomes.length === batch.length, 'an input without its outcome');
  } catch (error) {
    throw new FuzzFailure(target, await culprits(target, batch), seed, error);
  }
  const sizeBytes = batch.reduce((sum, { length }) => sum + length, 0);
  if (processorMs() - began > timeLimitMs(sizeBytes) + batch.length * usualMsMax) {
    await checkTimes(target, batch, seed);
  }
  return outcomes;
}

/** What a batch may take for each input before they are looked at one by one. */
const usualMsMax = 5;

/** @throws FuzzFailure for an input whose time is out of proportion to its length */
async function checkTimes(target: FuzzTarget, batch: readonly Buffer[], seed: number): Promise<void> {
  for (const input of batch) {
    try {
      await withinTime(target.name, input.length, () => target.run([input]));
    } catch (error) {
      throw new FuzzFailure(target, [input], seed, error);
    }
  }
}

/** The input that fails by itself; if none does, all of them. */
async function culprits(target: FuzzTarget, batch: readonly Buffer[]): Promise<readonly Buffer[]> {
  for (const input of batch) {
    try {
      await target.run([input]);
    } catch {
      return [input];
    }
  }
  return batch;
}
