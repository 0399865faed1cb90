import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder, type HeaderList } from './decoder.js';
import { entryOverheadBytes } from './dynamic-table.js';
import { HpackError } from './error.js';
import { messages, singleFields } from './testing/appendix-c.js';

/** As section 4.1 counts them. */
function sizeBytesOf(fields: readonly string[]): number {
  return fields.reduce((sum, text) => sum + text.length + 16, 0);
}

const defaults = { dynamicTableSizeBytesMax: 4096, headerListSizeBytesMax: 16 * 1024 };

function decodeHex(decoder: HpackDecoder, hex: string): HeaderList {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length);
}

function refuses(hex: string, message: RegExp, decoder = new HpackDecoder(defaults)): void {
  assert.throws(
    () => decodeHex(decoder, hex),
    (error) => error instanceof HpackError && message.test(error.message),
  );
}

describe('RFC 7541, appendix C', () => {
  for (const { section, tableSizeBytesMax, blocks } of [...singleFields, ...messages]) {
    void test(section, () => {
      const decoder = new HpackDecoder({ ...defaults, dynamicTableSizeBytesMax: tableSizeBytesMax });
      if (tableSizeBytesMax < 4096) {
        decoder.settingsAcknowledged();
        assert.deepEqual(decodeHex(decoder, '3fe101').fields, []);
      }
      for (const { hex, fields, tableSizeBytesAfter } of blocks) {
        assert.deepEqual(decodeHex(decoder, hex), {
          fields,
          sizeBytes: sizeBytesOf(fields),
          tooLarge: false,
        });
        assert.equal(decoder.tableSizeBytes, tableSizeBytesAfter);
      }
    });
  }
});

void test('decodes in place: what stands around the block does not matter', () => {
  const decoder = new HpackDecoder(defaults);
  const bytes = Uint8Array.from([0xff, 0xff, 0x82, 0x01, 0x02, 0x61, 0x62, 0xff]);
  assert.deepEqual(decoder.decode(bytes, 2, 7).fields, [':method', 'GET', ':authority', 'ab']);
  assert.deepEqual(decoder.decode(bytes, 3, 3).fields, []);
});

void test('every entry of the static table', () => {
  const decoder = new HpackDecoder(defaults);
  const { fields } = decoder.decode(
    Uint8Array.from({ length: 61 }, (_, at) => 0x81 + at),
    0,
    61,
  );
  assert.deepEqual(fields.slice(0, 4), [':authority', '', ':method', 'GET']);
  assert.deepEqual(fields.slice(30, 32), ['accept-encoding', 'gzip, deflate']);
  assert.deepEqual(fields.slice(120), ['www-authenticate', '']);
});

describe('section 2.3.3: index address space', () => {
  void test('index 0', () => refuses('80', /index is 0/));
  void test('an index behind the static table with the dynamic one empty', () => refuses('be', /index 62/));
  void test('an index behind the dynamic table', () => {
    const decoder = new HpackDecoder(defaults);
    assert.deepEqual(decodeHex(decoder, '4001610162 be').fields, ['a', 'b', 'a', 'b']);
    refuses('bf', /index 63/, decoder);
  });
  void test('the name of a literal behind the tables, of all three kinds', () => {
    refuses('7f000162', /index 63/);
    refuses('0f2f0162', /index 62/);
    refuses('1f2f0162', /index 62/);
  });
});

describe('section 4: the dynamic table', () => {
  /** Literal with indexing, name "a", value of `valueSizeBytes` times "v". */
  function insertion(valueSizeBytes: number): string {
    assert.ok(valueSizeBytes < 127);
    return '400161' + valueSizeBytes.toString(16).padStart(2, '0') + '76'.repeat(valueSizeBytes);
  }

  void test('4.1, 4.4: entries give way oldest first, at exactly the size', () => {
    const decoder = new HpackDecoder(defaults);
    decodeHex(decoder, '3f81 01'); // 160 bytes
    decodeHex(decoder, insertion(47)); // 80 bytes
    decodeHex(decoder, insertion(47));
    assert.equal(decoder.tableSizeBytes, 160);
    decodeHex(decoder, insertion(0));
    assert.equal(decoder.tableSizeBytes, 80 + 33);
    assert.deepEqual(decodeHex(decoder, 'be bf').fields, ['a', '', 'a', 'v'.repeat(47)]);
    refuses('c0', /index 64/, decoder);
  });

  void test('4.4: an entry larger than the table empties it and is no error', () => {
    const decoder = new HpackDecoder(defaults);
    decodeHex(decoder, '3f21'); // 64 bytes
    decodeHex(decoder, insertion(31));
    assert.equal(decoder.tableSizeBytes, 64);
    assert.deepEqual(decodeHex(decoder, insertion(32)).fields, ['a', 'v'.repeat(32)]);
    assert.equal(decoder.tableSizeBytes, 0);
  });

  void test('4.4: a new entry may take its name from the entry that it evicts', () => {
    const decoder = new HpackDecoder(defaults);
    decodeHex(decoder, '3f21');
    decodeHex(decoder, insertion(31));
    assert.deepEqual(decodeHex(decoder, '7e 0178 be').fields, ['a', 'x', 'a', 'x']);
  });

  void test('4.3: a smaller table evicts; a larger one brings nothing back', () => {
    const decoder = new HpackDecoder(defaults);
    decodeHex(decoder, insertion(0) + insertion(1));
    decodeHex(decoder, '20 3fe11f');
    assert.equal(decoder.tableSizeBytes, 0);
    refuses('be', /index 62/, decoder);
  });

  void test('more entries than the ring begins with', () => {
    const decoder = new HpackDecoder(defaults);
    for (let count = 0; count < 300; count++) {
      decodeHex(decoder, '400161 02' + count.toString(16).padStart(4, '0'));
    }
    // 4096 / 35 entries are left, the newest first.
    for (let position = 0; position < 117; position++) {
      const bytes = Buffer.from([0xff, 0, 0]);
      const rest = 62 + position - 127;
      if (rest < 0) bytes[0] = 0x80 | (62 + position);
      else bytes[1] = rest;
      const [, value] = decoder.decode(bytes, 0, rest < 0 ? 1 : 2).fields;
      assert.equal(Buffer.from(value!, 'latin1').readUInt16BE(), 299 - position);
    }
    assert.equal(decoder.tableSizeBytes, 117 * 35);
  });
});

describe('section 4.2 and 6.3: size updates', () => {
  void test('several at the beginning of a block', () => {
    assert.deepEqual(decodeHex(new HpackDecoder(defaults), '20 3fe11f 82').fields, [':method', 'GET']);
  });
  void test('at the setting, and one above it', () => {
    decodeHex(new HpackDecoder(defaults), '3fe11f');
    refuses('3fe21f', /4097 bytes, 4096/);
  });
  void test('behind a field', () => refuses('82 20', /behind a field/));
  void test('a larger setting', () => {
    const options = { ...defaults, dynamicTableSizeBytesMax: 8192 };
    decodeHex(new HpackDecoder(options), '3fe13f');
    refuses('3fe23f', /8193 bytes, 8192/, new HpackDecoder(options));
  });
  void test('a smaller setting holds from its acknowledgement on', () => {
    const decoder = new HpackDecoder({ ...defaults, dynamicTableSizeBytesMax: 100 });
    decodeHex(decoder, '3fe11f 4001610162');
    const { generation } = decoder;
    decoder.settingsAcknowledged();
    assert.notEqual(decoder.generation, generation);
    refuses('be', /due/, decoder);
    refuses('3f46', /101 bytes, 100/, decoder);
    assert.deepEqual(decodeHex(decoder, '3f45 be').fields, ['a', 'b']);
    assert.deepEqual(decodeHex(decoder, 'be').fields, ['a', 'b']);
  });
  void test('no update is due when the setting is not smaller', () => {
    const decoder = new HpackDecoder(defaults);
    decoder.settingsAcknowledged();
    assert.deepEqual(decodeHex(decoder, '82').fields, [':method', 'GET']);
  });
});

describe('section 5: integers and strings', () => {
  void test('an index that is too long', () => refuses('ff ffffffff 0f', /integer/));
  void test('a length that is too long', () => refuses('00 7f ffffffffff 0f', /integer/));
  void test('a size update that is too long', () => refuses('3f ffffffff 0f', /integer/));
  void test('a block that ends within an integer', () => refuses('ff', /within an integer/));
  void test('a block that ends before the name', () => refuses('40', /before a string/));
  void test('a block that ends before the value', () => refuses('400161', /before a string/));
  void test('a block that ends within a string', () => refuses('400161 0362', /within a string/));
  void test('a length beyond the block', () => refuses('00 7fffffff7f', /within a string/));
  void test('a string of no octets, plain and Huffman', () => {
    assert.deepEqual(decodeHex(new HpackDecoder(defaults), '000161 00 000161 80').fields, ['a', '', 'a', '']);
  });
  void test('a Huffman string with wrong padding', () => refuses('000161 82 07ff', /padding/));
  void test('a Huffman string with EOS', () => refuses('000161 84 ffffffff', /EOS/));
});

describe('generation: whether the dynamic table moved', () => {
  const moves: [string, string, boolean][] = [
    ['indexed fields', '82 86 84', false],
    ['a literal without indexing', '000161 0162', false],
    ['a literal never indexed', '100161 0162', false],
    ['a literal with indexing', '400161 0162', true],
    ['a size update', '3fe11f 82', true],
  ];
  for (const [name, hex, moved] of moves) {
    void test(name, () => {
      const decoder = new HpackDecoder(defaults);
      const before = decoder.generation;
      decodeHex(decoder, hex);
      assert.equal(decoder.generation !== before, moved);
    });
  }
});

describe('limit: headerListSizeBytesMax', () => {
  const sizeBytesMax = 100 * (1 + 1 + entryOverheadBytes);
  const options = { ...defaults, headerListSizeBytesMax: sizeBytesMax };

  void test('a list of exactly the limit, and one field more', () => {
    const decoder = new HpackDecoder(options);
    assert.deepEqual(decodeHex(decoder, '4001610162' + 'be'.repeat(99)).tooLarge, false);
    const { fields, tooLarge } = decodeHex(decoder, 'be'.repeat(101));
    assert.equal(tooLarge, true);
    assert.equal(fields.length, 200);
  });

  void test('a bomb: one large entry, named by each octet of a block', () => {
    const decoder = new HpackDecoder(defaults);
    const value = 'v'.repeat(4096 - entryOverheadBytes - 1);
    decodeHex(decoder, '400161 7fe01e' + Buffer.from(value).toString('hex'));
    // 16 KiB of octets stand for 64 MiB.
    const { fields, tooLarge } = decoder.decode(new Uint8Array(16 * 1024).fill(0xbe), 0, 16 * 1024);
    assert.equal(tooLarge, true);
    assert.equal(fields.length, 2 * (defaults.headerListSizeBytesMax / 4096));
  });

  void test('the table stays in step behind the limit', () => {
    const decoder = new HpackDecoder(options);
    const { tooLarge } = decodeHex(decoder, '82'.repeat(100) + '4001610162');
    assert.equal(tooLarge, true);
    assert.deepEqual(decodeHex(decoder, 'be'), { fields: ['a', 'b'], sizeBytes: 34, tooLarge: false });
  });
});

void test('any octets give a list or HpackError', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.constantFrom(...messages.flatMap(({ blocks }) => blocks)), fc.nat(), fc.nat({ max: 255 }))
      .map(([{ hex }, at, octet]) => {
        const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
        bytes[at % bytes.length] = octet;
        return bytes;
      }),
  );
  fc.assert(
    fc.property(fc.array(octets, { maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder(defaults);
      try {
        for (const block of blocks) {
          const { fields } = decoder.decode(block, 0, block.length);
          assert.equal(fields.length % 2, 0);
          assert.ok(decoder.tableSizeBytes <= 4096);
        }
      } catch (error) {
        assert.ok(error instanceof HpackError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});
