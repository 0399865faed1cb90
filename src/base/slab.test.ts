import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Slab } from './slab.js';

test('pieces are zeros of the size asked for, and no two share a byte', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 }), (sizes) => {
      const slab = new Slab();
      const pieces = sizes.map((size, at) => {
        const piece = slab.take(size);
        assert.equal(piece.length, size);
        assert.ok(piece.every((byte) => byte === 0));
        return piece.fill((at % 255) + 1);
      });
      for (const [at, piece] of pieces.entries()) {
        assert.ok(piece.every((byte) => byte === (at % 255) + 1));
      }
    }),
  );
});

test('a large piece does not keep a block alive', () => {
  const slab = new Slab();
  assert.equal(slab.take(4096).buffer.byteLength, 64 * 1024);
  assert.equal(slab.take(4097).buffer.byteLength, 4097);
});
