import type { TestContext } from 'node:test';

/** A seed of this run, told in its output; SYSTEM_SEED=N gives the same choices again. */
export function drawSeed(t: TestContext): number {
  const given = process.env['SYSTEM_SEED'];
  const seed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
  t.diagnostic(`SYSTEM_SEED=${seed}`);
  return seed;
}
