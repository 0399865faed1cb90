import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteReader, ByteWriter, MalformedBytesError } from './byte-stream.js';

describe('ByteReader', () => {
  it('reads the varints that ByteWriter writes', () => {
    for (let exponent = 0; exponent <= 53; exponent++) {
      for (const number of [2 ** exponent - 1, Math.min(2 ** exponent, Number.MAX_SAFE_INTEGER)]) {
        const reader = new ByteReader(new ByteWriter().varint(number).finish());
        assert.equal(reader.varint(), number);
        assert.equal(reader.remaining, 0);
      }
    }
  });

  it('takes no varint for a number that is none', () => {
    assert.equal(new ByteReader(Buffer.from('8080808080808000', 'hex')).varint(), 0);
    // So many zeros were scaled by infinity, which makes no number of them.
    for (const zeros of [8, 9, 146, 147, 200]) {
      const bytes = Buffer.concat([Buffer.alloc(zeros, 0x80), Buffer.of(0)]);
      assert.throws(() => new ByteReader(bytes).varint(), MalformedBytesError);
    }
    for (const hex of ['ffffffffffffff7f', '80808080808080ff', '80', '']) {
      assert.throws(() => new ByteReader(Buffer.from(hex, 'hex')).varint(), MalformedBytesError);
    }
  });
});
