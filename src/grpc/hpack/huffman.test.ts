import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HpackError } from './error.js';
import { decodeHuffman, encodeHuffman, huffmanSizeBytes } from './huffman.js';

function encoded(text: string): Buffer {
  const bytes = Buffer.alloc(huffmanSizeBytes(text));
  assert.equal(encodeHuffman(text, bytes, 0), bytes.length);
  return bytes;
}

const decoded = (hex: string): string => {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decodeHuffman(bytes, 0, bytes.length);
};

void test('codes of every length are those of RFC 7541, appendix B', () => {
  // One octet for each length of code, padded with ones.
  assert.equal(encoded('0').toString('hex'), '07');
  assert.equal(encoded('%').toString('hex'), '57');
  assert.equal(encoded(':').toString('hex'), 'b9');
  assert.equal(encoded('&').toString('hex'), 'f8');
  assert.equal(encoded('!').toString('hex'), 'fe3f');
  assert.equal(encoded("'").toString('hex'), 'ff5f');
  assert.equal(encoded('#').toString('hex'), 'ffaf');
  assert.equal(encoded('$').toString('hex'), 'ffcf');
  assert.equal(encoded('^').toString('hex'), 'fff3');
  assert.equal(encoded('<').toString('hex'), 'fff9');
  assert.equal(encoded('\\').toString('hex'), 'fffe1f');
  assert.equal(encoded('\x80').toString('hex'), 'fffe6f');
  assert.equal(encoded('\x01').toString('hex'), 'ffffb1');
  assert.equal(encoded('\xff').toString('hex'), 'fffffbbf');
  assert.equal(encoded('\n').toString('hex'), 'fffffff3');
});

void test('the strings of RFC 7541, appendix C', () => {
  const strings: [string, string][] = [
    ['www.example.com', 'f1e3 c2e5 f23a 6ba0 ab90 f4ff'],
    ['no-cache', 'a8eb 1064 9cbf'],
    ['custom-key', '25a8 49e9 5ba9 7d7f'],
    ['custom-value', '25a8 49e9 5bb8 e8b4 bf'],
    ['302', '6402'],
    ['private', 'aec3 771a 4b'],
    ['307', '640e ff'],
    ['gzip', '9bd9 ab'],
  ];
  for (const [text, hex] of strings) {
    assert.equal(encoded(text).toString('hex'), hex.replaceAll(' ', ''));
    assert.equal(decoded(hex), text);
  }
});

void test('every string of octets comes back as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const text = Buffer.from(octets).toString('latin1');
      const bytes = encoded(text);
      assert.equal(decodeHuffman(bytes, 0, bytes.length), text);
    }),
    { numRuns: 2000 },
  );
});

void test('a string larger than the scratch buffer', () => {
  const text = '0aZ\n'.repeat(20_000);
  const bytes = encoded(text);
  assert.equal(decodeHuffman(bytes, 0, bytes.length), text);
});

void test('section 5.2: padding of at most seven ones', () => {
  assert.equal(decoded('07'), '0');
  // "0" ends within the first octet; its padding goes on for eight bits more.
  assert.throws(() => decoded('07 ff'), HpackError);
  assert.throws(() => decoded('ff'), HpackError);
  assert.throws(() => decoded('ff ff'), HpackError);
  // Zeros, and ones with a zero among them.
  assert.throws(() => decoded('00 00 00 01 ff 1c').length, HpackError);
  assert.throws(() => decoded('b8'), HpackError);
  assert.throws(() => decoded('f8 fe 30'), HpackError);
});

void test('section 5.2: EOS must not occur', () => {
  assert.throws(() => decoded('ff ff ff ff'), HpackError);
  assert.throws(() => decoded('ff ff ff fc'), HpackError);
  assert.throws(() => decoded('07 ff ff ff ff'), HpackError);
  // What comes behind it does not mend it.
  assert.throws(() => decoded('ff ff ff fc 07 07 07'), HpackError);
});

void test('any octets give a string or HpackError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
      try {
        const text = decodeHuffman(octets, 0, octets.length);
        // The code is unambiguous, so what can be read is what would be written.
        assert.deepEqual(new Uint8Array(encoded(text)), octets);
      } catch (error) {
        assert.ok(error instanceof HpackError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});
