import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { echoed, echoSizeBytesMax } from './echo.js';

describe('echoed', () => {
  const most = 'm'.repeat(echoSizeBytesMax);

  it('leaves alone what fits', () => {
    for (const text of [
      '',
      'key',
      most,
      'ü'.repeat(echoSizeBytesMax / 2),
      '😀'.repeat(echoSizeBytesMax / 4),
    ]) {
      assert.equal(echoed(text), text);
      assert.equal(echoed(Buffer.from(text)), text);
    }
  });

  it('cuts what does not, and says how long it was', () => {
    assert.equal(echoed(`${most}m`), `${most}... (513 bytes)`);
    assert.equal(echoed(Buffer.from(`${most}m`)), `${most}... (513 bytes)`);
    assert.equal(echoed('m'.repeat(1_000_000)), `${most}... (1000000 bytes)`);
  });

  it('cuts between two characters', () => {
    for (const character of ['ü', '€', '😀']) {
      for (let before = 0; before < 5; before++) {
        const text = 'm'.repeat(before) + character.repeat(echoSizeBytesMax);
        const [shown = ''] = echoed(text).split('... (');
        assert.ok(text.startsWith(shown));
        assert.equal(Buffer.from(shown).toString(), shown);
        const sizeBytes = Buffer.byteLength(shown);
        assert.ok(sizeBytes <= echoSizeBytesMax && sizeBytes > echoSizeBytesMax - 4, `${sizeBytes}`);
        assert.equal(echoed(Buffer.from(text)), echoed(text));
      }
    }
  });

  it('takes what is no text as it comes', () => {
    assert.equal(echoed(Buffer.alloc(600, 0x80)), `${'\uFFFD'.repeat(512)}... (600 bytes)`);
    assert.equal(echoed('\ud800'.repeat(600)), `${'\uFFFD'.repeat(170)}... (1800 bytes)`);
  });
});
