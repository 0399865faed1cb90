import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KvorumError } from '../base/errors.js';
import { contentId, toBytes, utf8SizeBytes, valueToText } from './text.js';

const texts = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 8 }));
const anyBytes = fc.uint8Array({ maxLength: 8 });

describe('text', () => {
  it('goes to bytes and back', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = toBytes('INVALID_KEY', 'key', text);
        assert.equal(bytes.length, utf8SizeBytes('INVALID_KEY', 'key', text));
        assert.equal(valueToText(bytes), text);
      }),
    );
    const marked = '\ufeffbyte order mark';
    assert.equal(valueToText(Buffer.from(marked)), marked);
  });

  it('is refused with half of a surrogate pair', () => {
    for (const text of ['\ud800', 'a\udc00b', '\udc00\ud800', 'ä\ud83d']) {
      assert.throws(() => utf8SizeBytes('INVALID_VALUE', 'value', text), { code: 'INVALID_VALUE' });
    }
    assert.equal(utf8SizeBytes('INVALID_VALUE', 'value', '😀'), 4);
    const number = 7 as unknown as string;
    assert.throws(() => utf8SizeBytes('INVALID_KEY', 'key', number), { code: 'INVALID_KEY' });
  });

  it('is read as a strict decoder reads it', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const outcome = (decode: () => string): string | undefined => {
      try {
        return decode();
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const expected = outcome(() => strict.decode(bytes));
        assert.equal(
          outcome(() => valueToText(bytes)),
          expected,
        );
      }),
    );
    assert.throws(() => valueToText(Uint8Array.of(255)), KvorumError);
  });

  it('has the id of its bytes, and no other content has it', () => {
    const content = fc.oneof(
      texts,
      anyBytes,
      texts.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(content, content, (left, right) => {
        const same = Buffer.from(left).equals(Buffer.from(right));
        assert.equal(contentId(left) === contentId(right), same);
      }),
    );
    assert.equal(contentId('ä'), contentId(Buffer.from('ä')));
    assert.notEqual(contentId('ÿ'), contentId(Uint8Array.of(255)));
  });
});
