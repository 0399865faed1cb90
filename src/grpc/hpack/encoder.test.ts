import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from './decoder.js';
import { HpackEncoder } from './encoder.js';
import { messages } from './testing/appendix-c.js';

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('RFC 7541, appendix C', () => {
  // The encoder takes the shorter form of a string, so C.3 and C.5 are the decoder's alone.
  for (const { section, tableSizeBytesMax, blocks } of messages.filter(({ huffman }) => huffman)) {
    void test(section, () => {
      const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 4096 });
      if (tableSizeBytesMax < 4096) {
        encoder.setTableSizeMax(tableSizeBytesMax);
        assert.equal(hexOf(encoder.encode([])), '3fe101');
      }
      for (const { hex, fields, tableSizeBytesAfter } of blocks) {
        assert.equal(hexOf(encoder.encode(fields)), hex);
        assert.equal(encoder.tableSizeBytes, tableSizeBytesAfter);
      }
    });
  }
});

describe('which fields are indexed', () => {
  const encode = (fields: string[]): string =>
    hexOf(new HpackEncoder({ dynamicTableSizeBytesMax: 4096 }).encode(fields));

  void test('secrets are never indexed', () => {
    assert.match(encode(['authorization', 'x']), /^1f08/);
    assert.match(encode(['cookie', 'x']), /^1f11/);
    assert.match(encode(['proxy-authorization', 'x']), /^1f22/);
  });
  void test('what differs each time is not indexed', () => {
    assert.match(encode(['grpc-timeout', '1S']), /^00/);
    assert.match(encode(['content-length', '17']), /^0f0d/);
  });
  void test('nor is what would fill more than half of the table', () => {
    assert.match(encode(['a', 'v'.repeat(2048 - 33)]), /^40/);
    assert.match(encode(['a', 'v'.repeat(2048 - 32)]), /^00/);
  });
});

void test('a table of size 0 gives the same bytes each time', () => {
  const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
  const fields = [':status', '200', 'content-type', 'application/grpc'];
  const first = encoder.encode(fields);
  assert.equal(hexOf(first), '880f108b1d75d0620d263d4c4d6564');
  assert.deepEqual(encoder.encode(fields), first);
  assert.equal(encoder.sizeUpdateDue, false);
});

void test('generation tells whether the dynamic table moved', () => {
  const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 4096 });
  const moved = (fields: readonly string[]): boolean => {
    const before = encoder.generation;
    encoder.encode(fields);
    return encoder.generation !== before;
  };
  assert.equal(moved([':status', '200', 'grpc-timeout', '1S']), false);
  assert.equal(moved(['a', 'b']), true);
  assert.equal(moved(['a', 'b']), false);
  encoder.setTableSizeMax(100);
  assert.equal(moved([]), true);
});

describe('section 4.2: size updates', () => {
  void test('a smaller table, at the beginning of the next block and only there', () => {
    const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 4096 });
    assert.equal(hexOf(encoder.encode([':status', '200'])), '88');
    encoder.setTableSizeMax(30);
    assert.equal(encoder.sizeUpdateDue, true);
    assert.equal(hexOf(encoder.encode([':status', '200'])), '3e88');
    assert.equal(encoder.sizeUpdateDue, false);
    assert.equal(hexOf(encoder.encode([':status', '200'])), '88');
  });
  void test('smaller and larger again between two blocks: the least, then the last', () => {
    const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 4096 });
    encoder.encode(['a', 'b']);
    encoder.setTableSizeMax(100);
    encoder.setTableSizeMax(0);
    encoder.setTableSizeMax(4096);
    assert.equal(hexOf(encoder.encode([':status', '200'])), '203fe11f88');
    assert.equal(encoder.tableSizeBytes, 0);
  });
  void test('no more than this side wants, however much the peer allows', () => {
    const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 8192 });
    encoder.setTableSizeMax(2 ** 32 - 1);
    assert.equal(hexOf(encoder.encode([])), '3fe13f');
  });
  void test('a side that wants less than the default says so', () => {
    const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 100 });
    assert.equal(hexOf(encoder.encode([])), '3f45');
    encoder.setTableSizeMax(200);
    assert.equal(hexOf(encoder.encode([])), '');
  });
  void test('a side without a table must still follow a peer that takes its memory back', () => {
    const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
    encoder.setTableSizeMax(8192);
    assert.equal(encoder.sizeUpdateDue, false);
    encoder.setTableSizeMax(1000);
    assert.equal(encoder.sizeUpdateDue, true);
    assert.equal(hexOf(encoder.encode([':status', '200'])), '2088');
    encoder.setTableSizeMax(500);
    assert.equal(encoder.sizeUpdateDue, false);
  });
});

void test('a header that is not latin1 is a mistake of the caller', () => {
  assert.throws(() => new HpackEncoder({ dynamicTableSizeBytesMax: 0 }).encode(['a', '\u0100']));
  assert.throws(() => new HpackEncoder({ dynamicTableSizeBytesMax: 0 }).encode(['a']));
});

const text = fc
  .oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 100, maxLength: 1500 }))
  .map((octets) => Buffer.from(octets).toString('latin1'));
const field = fc.oneof(
  fc.tuple(
    fc.constantFrom('a', 'b', ':path', 'cookie', 'grpc-timeout'),
    fc.constantFrom('', '1', '2', 'xyz'),
  ),
  fc.tuple(text, text),
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ fields: fc.array(field, { maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ tableSizeBytes: fc.constantFrom(0, 40, 100, 4096, 10_000) }) },
);

void test('any sequence of blocks and settings comes through, and both tables stay in step', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(0, 70, 4096, 8192),
      (steps, sizeBytesMax) => {
        const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: sizeBytesMax });
        const decoder = new HpackDecoder({ dynamicTableSizeBytesMax: 10_000, headerListSizeBytesMax: 1e6 });
        for (const each of steps) {
          if ('tableSizeBytes' in each) {
            encoder.setTableSizeMax(each.tableSizeBytes);
            continue;
          }
          const fields = each.fields.flat();
          const block = encoder.encode(fields);
          assert.deepEqual(decoder.decode(block, 0, block.length).fields, fields);
          assert.equal(decoder.tableSizeBytes, encoder.tableSizeBytes);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
