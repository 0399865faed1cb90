import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { percentEncode, statusMessageSizeBytesMax } from './status.js';

const max = statusMessageSizeBytesMax;

describe('grpc-message', () => {
  it('is percent-encoded UTF-8', () => {
    assert.equal(percentEncode('plain ~'), 'plain ~');
    assert.equal(percentEncode('50% ü\r\n😀'), '50%25 %C3%BC%0D%0A%F0%9F%98%80');
    assert.equal(percentEncode('\ud800'), '%EF%BF%BD');
    for (const text of ['', '%', 'ü'.repeat(100), 'a😀'.repeat(100)]) {
      assert.equal(decodeURIComponent(percentEncode(text)), text);
    }
  });

  it('has statusMessageSizeBytesMax, and not one octet more', () => {
    const most = 'm'.repeat(max);
    assert.equal(percentEncode(most), most);
    assert.equal(percentEncode(`${most}m`), `${most.slice(3)}...`);
    const percents = '%'.repeat(Math.floor(max / 3));
    assert.equal(decodeURIComponent(percentEncode(percents)), percents);
    assert.equal(percentEncode(`${percents}m`).length, max);
  });

  it('is cut between two characters', () => {
    for (const character of ['ü', '€', '😀', '%']) {
      for (let before = 0; before < 14; before++) {
        const text = 'm'.repeat(before) + character.repeat(max);
        const encoded = percentEncode(text);
        assert.ok(encoded.length <= max && encoded.length > max - 16, `${encoded.length}`);
        assert.ok(encoded.endsWith('...'));
        assert.ok(text.startsWith(decodeURIComponent(encoded.slice(0, -3))));
      }
    }
  });
});
