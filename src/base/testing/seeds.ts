import { it } from 'node:test';

/**
 * One test over many seeds, fresh ones at each run. The one that fails is named in the error. KVORUM_SEED replays
 * it; KVORUM_SEEDS sets how many are run, from KVORUM_SEED_FIRST on.
 * @param kept seeds that found something once: they are always run
 */
export function itHoldsForSeeds(
  name: string,
  count: number,
  kept: readonly number[],
  run: (seed: number) => Promise<void> | void,
): void {
  const replayed = process.env['KVORUM_SEED'];
  const first = Number(process.env['KVORUM_SEED_FIRST'] ?? Date.now() % 1_000_000_000);
  const fresh = Array.from({ length: Number(process.env['KVORUM_SEEDS'] ?? count) }, (_, at) => first + at);
  const seeds = replayed === undefined ? [...kept, ...fresh] : [Number(replayed)];
  it(name, async (t) => {
    t.diagnostic(`${seeds.length} seeds, the last ${fresh.length} from ${first}`);
    for (const seed of seeds) {
      try {
        await run(seed);
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        throw new Error(`seed ${seed} fails, replay with KVORUM_SEED=${seed}: ${said}`, { cause: error });
      }
    }
  });
}
