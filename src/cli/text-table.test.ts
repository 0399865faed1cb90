import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sizeText, textTable, toJson } from './text-table.js';

describe('textTable', () => {
  it('makes columns as wide as their widest cell, numbers to the right, no spaces at the end', () => {
    const rows = [
      ['node1', '7', 'leader'],
      ['a-long-name', '1024', ''],
    ];
    assert.equal(
      textTable(['NAME', 'TERM', 'ROLE'], rows),
      ['NAME         TERM  ROLE\n', 'node1           7  leader\n', 'a-long-name  1024\n'].join(''),
    );
  });

  it('keeps the header where there are no rows, and takes rows that are short', () => {
    assert.equal(textTable(['NAME', 'TERM'], []), 'NAME  TERM\n');
    assert.equal(textTable(['A', 'B'], [['x']]), 'A  B\nx\n');
  });
});

describe('toJson', () => {
  it('writes ids as people see them', () => {
    const text = toJson({ id: 0xabcn, none: 0n, name: 'node1', indexes: [1] });
    assert.deepEqual(JSON.parse(text), {
      id: '0000000000000abc',
      none: '0000000000000000',
      name: 'node1',
      indexes: [1],
    });
    assert.ok(text.endsWith('}\n'));
  });
});

describe('sizeText', () => {
  it('chooses the unit that keeps it short', () => {
    const expected: [number, string][] = [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1.0 KiB'],
      [1536, '1.5 KiB'],
      [10 * 1024, '10 KiB'],
      [1024 ** 2 - 1, '1.0 MiB'],
      [16 * 1024 ** 2, '16 MiB'],
      [2.5 * 1024 ** 3, '2.5 GiB'],
      [5000 * 1024 ** 4, '5000 TiB'],
    ];
    for (const [sizeBytes, text] of expected) assert.equal(sizeText(sizeBytes), text);
  });
});
