import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From the compiled file in dist/sim/mutants to the list beside the sources. */
const listPath = fileURLToPath(new URL('../../../sim/mutants/seeds.txt', import.meta.url));

/** By name: the first seed, from 1 on, that caught the mutant when it was hunted last. */
export function recordedSeeds(text = readFileSync(listPath, 'utf8')): ReadonlyMap<string, number> {
  const lines = text.split('\n').map((line) => line.trim());
  const entries = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, number] => {
      const [name, seed] = line.split(/\s+/);
      return [name!, Number(seed)];
    });
  return new Map(entries);
}
