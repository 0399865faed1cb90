import { mutant, type Mutant } from './mutant.js';

const keys = (file: string): string => `src/fsm/keys/${file}.ts`;
const backend = (file: string): string => `src/storage/backend/${file}.ts`;

/** Faults with keys that are no words: of zeros, of any bytes, longer than what a row's key takes. */
export const keyMutants: readonly Mutant[] = [
  mutant(
    'zero-byte-escaped-as-the-end',
    'a zero byte of a key is told apart from the end of the key no longer, where versions stand by key',
    keys('rows'),
    'if (byte === 0) bytes[to++] = 0xff;',
    'if (byte === 0) bytes[to++] = 1;',
  ),
  mutant(
    'end-that-begins-with-zero',
    'a range whose end begins with a zero byte is one to the end of the key space',
    keys('key-bounds'),
    'end.length === 1 && end[0] === 0',
    'end[0] === 0',
  ),
  mutant(
    'page-skips-what-ends-with-zero',
    'a page begins behind the key that is right behind the last one',
    keys('key-bounds'),
    'start: keyAfter(key), end',
    'start: Uint8Array.of(...key, 1), end',
  ),
  mutant(
    'entries-jumped-over-in-reverse',
    'in a range in reverse the first entry that was walked over is taken for the first that there is',
    keys('history-entries'),
    'if (found !== undefined && !this.#reverse) return found;',
    'if (found !== undefined) return found;',
  ),
  mutant(
    'long-range-begins-in-each-level',
    'a range that begins with a long key leaves out as much of every other one',
    backend('long-keys'),
    'start: startsInside && samePrefix(start, chunk) ?',
    'start: startsInside ?',
  ),
  mutant(
    'level-goes-with-its-first-row',
    'a level of long keys goes with the first of its rows that is removed',
    backend('long-key-changes'),
    '    for (const key of this.#reader.keys(level)) if (changed?.has(textOf(key)) !== true) return false;\n',
    '',
  ),
];
