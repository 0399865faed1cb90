import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { fieldSizeBytes, varintSizeBytes, WireReader, writeVarint } from './wire.js';

const edges = [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
const numbers = fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat(), fc.nat(300));

describe('wire', () => {
  it('writes numbers as protobuf does, and reads them', () => {
    fc.assert(
      fc.property(numbers, (number) => {
        const expected = new BinaryWriter().uint64(BigInt(number)).finish();
        const bytes = new Uint8Array(expected.length);
        assert.equal(writeVarint(bytes, 0, number), expected.length);
        assert.deepEqual(bytes, expected);
        assert.equal(varintSizeBytes(number), expected.length);
        const reader = new WireReader(bytes);
        assert.equal(reader.varint(bytes.length), number);
        assert.equal(reader.at, bytes.length);
      }),
    );
  });

  it('reads no number that ends late, or is past 2^53, and none that protobuf reads otherwise', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .array(fc.constantFrom(0x80, 0xff, 0x01, 0x00), { maxLength: 12 })
        .map((each) => Uint8Array.from(each)),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        const number = new WireReader(given).varint(given.length);
        if (number !== -1) assert.equal(BigInt(number), BigInt(new BinaryReader(given).uint64()));
      }),
    );
    const past = new BinaryWriter().uint64(2n ** 53n).finish();
    assert.equal(new WireReader(past).varint(past.length), -1);
    const whole = new BinaryWriter().uint64(2n ** 53n - 1n).finish();
    assert.equal(new WireReader(whole).varint(whole.length - 1), -1);
  });

  it('takes content that ends by the end of what it lies in', () => {
    const bytes = Uint8Array.of(9, 2, 7, 8, 9).subarray(1);
    const reader = new WireReader(bytes);
    assert.equal(reader.contentEnd(3), 3);
    assert.deepEqual(reader.take(3), Uint8Array.of(7, 8));
    assert.equal(new WireReader(bytes).contentEnd(2), -1);
    assert.equal(fieldSizeBytes(127) + fieldSizeBytes(128), 129 + 131);
  });
});
