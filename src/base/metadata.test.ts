import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata } from './metadata.js';

describe('Metadata', () => {
  it('keeps the values of a name in order', () => {
    const metadata = new Metadata([['a', '1']]).add('b', '2').add('a', '3').add('c-bin', Uint8Array.of(4));
    assert.deepEqual(
      [...metadata],
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['c-bin', Uint8Array.of(4)],
      ],
    );
    assert.equal(metadata.get('a'), '1');
    assert.deepEqual(metadata.getAll('a'), ['1', '3']);
    assert.equal(metadata.get('none'), undefined);
    assert.deepEqual(metadata.set('a', '5').getAll('a'), ['5']);
    metadata.delete('a');
    assert.deepEqual(metadata.getAll('a'), []);
  });

  it('takes only what can be sent', () => {
    for (const name of ['', 'A', 'ü', 'a b', ':path', 'a\n']) {
      assert.throws(() => new Metadata().add(name, 'x'), TypeError, name);
    }
    for (const value of ['ü', 'a\n', 'a\r', '\0', ' a', 'a ', '\x7f']) {
      assert.throws(() => new Metadata().add('a', value), TypeError, JSON.stringify(value));
    }
    assert.throws(() => new Metadata().add('a-bin', 'text'), TypeError);
    assert.throws(() => new Metadata().add('a', Uint8Array.of(1)), TypeError);
    assert.equal(new Metadata().add('0_.-z', 'in the middle').get('0_.-z'), 'in the middle');
    assert.equal(new Metadata().add('a', '').get('a'), '');
  });
});
