import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Alphabet, readable, toBytes, toText } from './alphabet.js';

const keyCount = 10;

function keysOf(alphabet: Alphabet): string[] {
  return Array.from({ length: keyCount }, (_, at) => alphabet.key(at));
}

describe('the keys of a run', () => {
  it('are text of which nothing is lost as bytes, in the same order', () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
    assert.equal(toText(toBytes(all)), all);
    assert.deepEqual([...toBytes('a\0\xff')], [97, 0, 255]);
    assert.throws(() => toBytes('\u0100'), /a character is a byte/);
  });

  it('are others for each seed, as many as were asked for, and no two of them the same', () => {
    for (let seed = 1; seed <= 100; seed++) {
      for (const [kind, chunkSizeBytes] of [
        ['bytes', Infinity],
        ['long', 5],
      ] as const) {
        const keys = keysOf(new Alphabet(seed, kind, keyCount, chunkSizeBytes));
        assert.equal(new Set(keys).size, keyCount, `seed ${seed}`);
        assert.ok(!keys.includes(''), `seed ${seed}`);
        assert.deepEqual(keysOf(new Alphabet(seed, kind, keyCount, chunkSizeBytes)), keys);
      }
    }
  });

  it('are told short, and of characters that can be seen', () => {
    const keys = ['a'.repeat(100), 'a'.repeat(101), 'b'];
    const cut = `${'a'.repeat(24)}…`;
    assert.equal(
      readable(`no ${keys[1]!}, but ${keys[0]!}\nand b\0\xff`, keys),
      `no ${cut}(101 bytes), but ${cut}(100 bytes)\nand b\\x00\\xff`,
    );
  });

  it('have lengths on both sides of a chunk', () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      for (const key of keysOf(new Alphabet(seed, 'long', keyCount, 1960))) lengths.add(key.length);
    }
    for (const length of [1, 1959, 1960, 1961, 3921]) assert.ok(lengths.has(length), `${length} bytes`);
  });
});
