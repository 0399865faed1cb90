import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From the compiled file in dist/sim to the list beside the sources. */
const listPath = fileURLToPath(new URL('../../sim/seeds.txt', import.meta.url));

/** Seeds that found something once: a number, then what it found, on each line that is no comment. */
export function keptSeeds(text = readFileSync(listPath, 'utf8')): number[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Number.parseInt(line, 10));
}
