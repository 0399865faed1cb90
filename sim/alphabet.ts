import { assert } from '../src/base/assert.js';
import { Dice } from './dice.js';

/** What a run's keys are like: `k0` and so on; any bytes, short; longer than what fits into a row's key below. */
export const alphabetKinds = ['plain', 'bytes', 'long'] as const;
export type AlphabetKind = (typeof alphabetKinds)[number];

/** Zeros are escaped, and 255 has no key behind it that is as long; neither 254 nor 255 is UTF-8. */
const bytes = [0, 0, 1, 97, 254, 255];
/** Of a row in `history`: what stands behind the key. */
const historyTailSizeBytes = 14;

/** The keys of a run, drawn from its seed with dice of their own. Text with a character for each byte (Latin-1). */
export class Alphabet {
  readonly kind: AlphabetKind;
  readonly #keys: readonly string[];
  /** Where ranges end, and what empty and odd values are. */
  readonly #dice: Dice;
  readonly #emptied = new Set<string>();

  /** @param chunkSizeBytes beyond which keys are long */
  constructor(seed: number, kind: AlphabetKind, keyCount: number, chunkSizeBytes: number) {
    this.kind = kind;
    this.#dice = Dice.of(seed, 'ends');
    const lengths = kind === 'long' ? longLengths(chunkSizeBytes) : [1, 1, 2, 2, 3, 4];
    this.#keys = kind === 'plain' ? plainKeys(keyCount) : drawKeys(seed, keyCount, lengths, chunkSizeBytes);
  }

  key(at: number): string {
    return this.#keys[at]!;
  }

  /** The end of a range at, before or behind the key, or between it and the next one. */
  endAt(at: number): string {
    const key = this.#keys[at]!;
    // Just behind a key, or before it.
    if (this.kind === 'plain') return at % 2 === 0 ? `${key}~` : key;
    const ends = [key, `${key}\0`, `${key}\0\0`, `${key}\xff`, key.slice(0, -1), nextPrefix(key)];
    const end = this.#dice.pick(ends);
    return end === '' ? key : end;
  }

  /** Now and then nothing, for each key once: who wrote a value is known by it. Or one that ends with what is no text. */
  value(key: string, value: string): string {
    if (this.kind === 'plain') return value;
    if (!this.#emptied.has(key) && this.#dice.chance(0.08)) {
      this.#emptied.add(key);
      return '';
    }
    return this.#dice.chance(0.2) ? value + this.#dice.pick(['\0', '\xff']) : value;
  }
}

function plainKeys(keyCount: number): string[] {
  return Array.from({ length: keyCount }, (_, at) => `k${at}`);
}

/** At each place where a key, or its row in `history`, becomes longer than one more chunk. */
function longLengths(chunkSizeBytes: number): number[] {
  const lengths = [1];
  for (const whole of [chunkSizeBytes, 2 * chunkSizeBytes]) {
    for (const beyond of [-historyTailSizeBytes, -1, 0, 1]) lengths.push(Math.max(1, whole + beyond));
  }
  return lengths;
}

/** Many of them begin as another does, or are what another begins with; each chunk is mostly of one byte. */
function drawKeys(
  seed: number,
  keyCount: number,
  lengths: readonly number[],
  chunkSizeBytes: number,
): string[] {
  const dice = Dice.of(seed, 'alphabet');
  const keys: string[] = [];
  while (keys.length < keyCount) {
    let key = keys.length > 0 && dice.chance(0.7) ? dice.pick(keys) : '';
    const length = dice.pick(lengths);
    let filling = dice.pick(bytes);
    if (dice.chance(0.5)) key = key.slice(0, Math.max(0, length - 1));
    while (key.length < length) {
      if (key.length > 0 && key.length % chunkSizeBytes === 0) filling = dice.pick(bytes);
      key += String.fromCharCode(dice.chance(0.9) ? filling : dice.pick(bytes));
    }
    while (keys.includes(key)) key += String.fromCharCode(dice.pick(bytes));
    keys.push(key);
  }
  return keys;
}

/** What all keys that begin with `key` are before. */
function nextPrefix(key: string): string {
  for (let at = key.length - 1; at >= 0; at--) {
    const byte = key.charCodeAt(at);
    if (byte < 255) return key.slice(0, at) + String.fromCharCode(byte + 1);
  }
  return '\0';
}

export function toBytes(text: string): Uint8Array {
  const all = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const byte = text.charCodeAt(at);
    assert(byte <= 255, 'a character is a byte');
    all[at] = byte;
  }
  return all;
}

export function toText(all: Uint8Array): string {
  return Buffer.from(all.buffer, all.byteOffset, all.byteLength).toString('latin1');
}

/** Longer keys are told by how they begin. */
const shownLength = 24;

/** For people: what tells of these keys, with long ones cut short, and bytes that are no text by their numbers. */
export function readable(text: string, keys: Iterable<string>): string {
  const long = [...new Set(keys)].filter((key) => key.length > shownLength);
  long.sort((left, right) => right.length - left.length);
  let short = text;
  for (const key of long) short = short.replaceAll(key, `${key.slice(0, shownLength)}…(${key.length} bytes)`);
  return short.replace(/[^\n -~…]/g, (odd) => `\\x${odd.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
