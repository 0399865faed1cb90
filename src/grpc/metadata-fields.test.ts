import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng, randomInt } from '../base/prng.js';
import { isBase64List, toBase64, toMetadata } from './metadata-fields.js';

/** Part by part. */
function isBase64ListNaively(text: string): boolean {
  return text
    .split(',')
    .every((part) => /^[A-Za-z0-9+/]*={0,2}$/.test(part.replaceAll(/^ +/g, '').trimEnd()));
}

describe('metadata that ends in -bin', () => {
  it('is base64 with or without padding, one value or several', () => {
    for (const text of [
      '',
      'AA',
      'AA==',
      'AAA=',
      'AAAA',
      ' AA , +/== ,',
      ',',
      ' , ,,',
      'aZ09+/',
      '=',
      '==',
    ]) {
      assert.ok(isBase64List(text), JSON.stringify(text));
    }
    for (const text of [
      '!',
      'AA===',
      'A A',
      'A=A',
      '= =',
      'AA,!',
      '-_',
      'Ä',
      'A\tA',
      '@',
      '[',
      '`',
      '{',
      ':',
      '.',
    ]) {
      assert.ok(!isBase64List(text), JSON.stringify(text));
    }
  });

  it('is told from what is none as by one who takes it apart', () => {
    const random = new Prng(1);
    const signs = 'Az0+/==  ,,!';
    let good = 0;
    for (let count = 0; count < 20_000; count++) {
      const length = randomInt(random, 12);
      const text = Array.from({ length }, () => signs[randomInt(random, signs.length)]!).join('');
      assert.equal(isBase64List(text), isBase64ListNaively(text), JSON.stringify(text));
      if (isBase64List(text)) good++;
    }
    assert.ok(good > 1000 && good < 19_000, `${good}`);
  });

  it('is read value by value, and written without padding', () => {
    const metadata = toMetadata(['x-bin', 'AQ, AgM=,', 'y', 'z']);
    assert.deepEqual(metadata.getAll('x-bin'), [Buffer.of(1), Buffer.of(2, 3), Buffer.alloc(0)]);
    for (let length = 0; length < 7; length++) {
      const bytes = Buffer.alloc(length, 0xfb);
      assert.doesNotMatch(toBase64(bytes), /=/);
      assert.deepEqual(Buffer.from(toBase64(bytes), 'base64'), bytes);
    }
  });
});
