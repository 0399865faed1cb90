import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HpackError } from './error.js';
import { BlockReader, integerTailOctetsMax, writeInteger } from './integer.js';

function read(octets: readonly number[], mask: number): { value: number; octets: number } {
  const reader = new BlockReader();
  reader.bytes = Buffer.from(octets);
  reader.end = octets.length;
  return { value: reader.integer(mask), octets: reader.at };
}

function written(mask: number, flags: number, value: number): number[] {
  const bytes = new Uint8Array(8);
  return [...bytes.subarray(0, writeInteger(bytes, 0, mask, flags, value))];
}

void test('RFC 7541, C.1.1 to C.1.3', () => {
  assert.deepEqual(written(0x1f, 0, 10), [0x0a]);
  assert.deepEqual(written(0x1f, 0, 1337), [0x1f, 0x9a, 0x0a]);
  assert.deepEqual(written(0xff, 0, 42), [0x2a]);
  assert.deepEqual(read([0xea], 0x1f), { value: 10, octets: 1 });
  assert.deepEqual(read([0x1f, 0x9a, 0x0a], 0x1f), { value: 1337, octets: 3 });
  assert.deepEqual(read([0x2a], 0xff), { value: 42, octets: 1 });
});

void test('every integer comes back, whatever its prefix', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 8 }), fc.nat({ max: 2 ** 28 - 1 }), (prefixBits, value) => {
      const mask = 2 ** prefixBits - 1;
      const octets = written(mask, 0xff & ~mask, value);
      assert.deepEqual(read(octets, mask), { value, octets: octets.length });
    }),
  );
});

void test('section 5.1: an integer at the limit of its length, and one beyond', () => {
  assert.equal(read([0x7f, 0xff, 0xff, 0xff, 0x7f], 0x7f).value, 2 ** (7 * integerTailOctetsMax) - 1 + 0x7f);
  assert.throws(() => read([0x7f, 0xff, 0xff, 0xff, 0xff, 0x00], 0x7f), HpackError);
  assert.throws(() => read([0x7f, 0x80, 0x80, 0x80, 0x80, 0x00], 0x7f), HpackError);
  assert.throws(() => read([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], 0x7f), HpackError);
});

void test('an integer that is cut off', () => {
  assert.throws(() => read([0x7f], 0x7f), HpackError);
  assert.throws(() => read([0x7f, 0x80], 0x7f), HpackError);
});
