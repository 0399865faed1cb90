import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodePair,
  encodePair,
  formatOf,
  LineError,
  linesOf,
  lineSizeBytesMax,
  type Line,
  type PairFormat,
} from './pair-lines.js';
import { bytesOf } from './testing/fake-io.js';

const utf8 = (text: string): Uint8Array => Buffer.from(text);

function bytes(given: string | Uint8Array): Buffer {
  return Buffer.from(given);
}

async function lines(...chunks: readonly (string | Uint8Array)[]): Promise<Line[]> {
  const all: Line[] = [];
  for await (const line of linesOf(bytesOf(...chunks))) all.push(line);
  return all;
}

/** Text with all that has a meaning in lines. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom('\t', '\n', '\r', '\\', '"', '{', '[', '\ufeff', '\u2028', '\0', 't', 'n'),
  }),
);
const anyBytes = fc.oneof(text.map(utf8), fc.uint8Array({ maxLength: 20 }));

describe('pair lines', () => {
  it('any bytes come back from JSON lines, one line for each pair', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anyBytes, anyBytes), { maxLength: 10 }), async (pairs) => {
        const file = pairs.map(([key, value]) => encodePair(key, value, 'jsonl')).join('');
        const read = await lines(file);
        assert.equal(read.length, pairs.length);
        for (const [at, [key, value]] of pairs.entries()) {
          const pair = decodePair(read[at]!.text, 'jsonl');
          assert.deepEqual([bytes(pair.key), bytes(pair.value)], [bytes(key), bytes(value)]);
        }
      }),
    );
  });

  it('any text comes back from tab-separated lines', async () => {
    const key = text.filter((each) => !each.startsWith('\ufeff'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, text), { maxLength: 10 }), async (pairs) => {
        const file = pairs.map(([key, value]) => encodePair(utf8(key), utf8(value), 'tsv')).join('');
        const read = (await lines(file)).map((line) => decodePair(line.text, 'tsv'));
        assert.deepEqual(
          read,
          pairs.map(([key, value]) => ({ key, value })),
        );
      }),
    );
  });

  it('writes what people can read', () => {
    assert.equal(encodePair(utf8('a\tb'), utf8('ä\n'), 'jsonl'), '{"key":"a\\tb","value":"ä\\n"}\n');
    assert.equal(encodePair(utf8('a\tb'), utf8('ä\n\\'), 'tsv'), 'a\\tb\tä\\n\\\\\n');
    const binary = Uint8Array.of(0xff, 0);
    assert.equal(encodePair(binary, binary, 'jsonl'), '{"keyBase64":"/wA=","valueBase64":"/wA="}\n');
  });

  it('refuses to write to tab-separated lines what they cannot hold', () => {
    const binary = Uint8Array.of(0xff);
    assert.throws(() => encodePair(utf8('photo'), binary, 'tsv'), {
      name: 'LineError',
      message: 'key "photo" is a pair with bytes that are no UTF-8: only jsonl can hold it',
    });
    assert.throws(() => encodePair(binary, utf8('x'), 'tsv'), LineError);
    assert.throws(() => encodePair(utf8('\ufeffa'), utf8('x'), 'tsv'), /begins with a byte order mark/);
  });

  it('tells the format from the first line', () => {
    const expected: [string, PairFormat][] = [
      ['{"key":"a","value":"b"}', 'jsonl'],
      ['{"key":\t"a","value":"b"}', 'jsonl'],
      ['  {', 'jsonl'],
      ['{a}\tb', 'tsv'],
      ['[a]\tb', 'tsv'],
      ['[', 'jsonl'],
      ['[{"key":\t"a"}]', 'jsonl'],
      ['a\tb', 'tsv'],
      ['', 'tsv'],
    ];
    for (const [line, format] of expected) assert.equal(formatOf(line), format);
  });

  const wrong: [PairFormat, string, RegExp][] = [
    ['tsv', 'alone', /^a key, a tab and a value are expected, there are 1 fields$/],
    ['tsv', 'a\tb\tc', /there are 3 fields$/],
    ['tsv', 'a\tb\\x', /^\\x is no escape: \\\\, \\t, \\n and \\r are$/],
    ['tsv', 'a\\\tb', /^\\ is no escape/],
    ['jsonl', 'a', /^it is no JSON$/],
    ['jsonl', ' {', /^it is a part of a JSON object, where each line is to be a whole one/],
    ['jsonl', '{"key"', /^it is no JSON$/],
    ['jsonl', 'null', /^it is no JSON object$/],
    ['jsonl', '3', /^it is no JSON object$/],
    ['jsonl', '[]', /^it is a JSON array, where each line is to be one object/],
    ['jsonl', '[{', /^it begins a JSON array, where/],
    ['jsonl', '{}', /^it needs a string key, or bytes in base64 as keyBase64$/],
    ['jsonl', '{"value":"x"}', /^it needs a string key,/],
    ['jsonl', '{"key":1,"value":"x"}', /^it needs a string key,/],
    ['jsonl', '{"key":"a"}', /^it needs a string value, or bytes in base64 as valueBase64$/],
    ['jsonl', '{"key":"a","keyBase64":"YQ==","value":"x"}', /^it needs a string key,/],
    ['jsonl', '{"keyBase64":"YQ=","value":"x"}', /^it needs a string key,/],
    ['jsonl', '{"keyBase64":"Y","value":"x"}', /^it needs a string key,/],
    ['jsonl', '{"keyBase64":"a b=","value":"x"}', /^it needs a string key,/],
  ];
  for (const [format, line, rule] of wrong) {
    it(`refuses ${JSON.stringify(line)} as ${format}`, () => {
      assert.throws(() => decodePair(line, format), { name: 'LineError', message: rule });
    });
  }
});

describe('linesOf', () => {
  it('cuts at line breaks, wherever the chunks end, and counts lines and bytes', async () => {
    const file = Buffer.from('one\r\n\nthree ä\nlast');
    const expected = [
      { number: 1, text: 'one', endBytes: 5 },
      { number: 2, text: '', endBytes: 6 },
      { number: 3, text: 'three ä', endBytes: 15 },
      { number: 4, text: 'last', endBytes: 19 },
    ];
    for (let size = 1; size <= file.length; size++) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < file.length; at += size) chunks.push(file.subarray(at, at + size));
      assert.deepEqual(await lines(...chunks), expected);
    }
    assert.deepEqual(await lines(), []);
    assert.deepEqual(await lines('a\n'), [{ number: 1, text: 'a', endBytes: 2 }]);
  });

  it('leaves out the byte order mark of an editor, at the head of the file only', async () => {
    const [first, second] = await lines('\ufeffa\tb\n\ufeffc\td\n');
    assert.deepEqual([first!.text, second!.text], ['a\tb', '\ufeffc\td']);
  });

  it('names the line that is no UTF-8', async () => {
    await assert.rejects(lines('good\n', Uint8Array.of(0xff, 10)), {
      name: 'LineError',
      message: 'line 2 is no UTF-8',
    });
  });

  it('takes the longest line, and names one that is longer', async () => {
    const part = Buffer.alloc(lineSizeBytesMax / 4, 'x');
    const [line] = await lines(part, part, part, part);
    assert.equal(line!.text.length, lineSizeBytesMax);
    await assert.rejects(lines('a\n', part, part, part, part, 'x\n'), {
      name: 'LineError',
      message: `line 2 is longer than ${lineSizeBytesMax} bytes`,
    });
  });
});
