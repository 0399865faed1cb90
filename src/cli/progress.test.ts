import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Progress } from './progress.js';
import { Captured } from './testing/fake-io.js';

describe('Progress', () => {
  it('says nothing where there is no terminal', () => {
    const output = new Captured();
    const progress = new Progress(output, 'import');
    progress.update(1, 0.5);
    progress.clear();
    assert.equal(output.text, '');
  });

  it('draws a bar where the end is known, over and over in one line, and takes it away', () => {
    const output = new Captured(true);
    const progress = new Progress(output, 'import');
    progress.update(20, 0.5);
    assert.match(output.text, /^\r\x1b\[Kimport \[#{15}\.{15}\] 50% 20 pairs, \d+ a second$/);
    progress.clear();
    assert.ok(output.text.endsWith('\r\x1b[K'));
    assert.ok(!output.text.includes('\n'));
  });

  it('fits into a line of 80 columns', () => {
    const output = new Captured(true);
    new Progress(output, 'import').update(123_456_789, 1);
    assert.ok(output.text.length - '\r\x1b[K'.length < 90, output.text);
    assert.match(output.text, /\[#{30}\] 100%/);
  });

  it('counts where the end is not known', () => {
    const output = new Captured(true);
    new Progress(output, 'export').update(7, undefined);
    assert.match(output.text, /^\r\x1b\[Kexport 7 pairs, \d+ a second$/);
  });

  it('draws no more often than eyes can follow', () => {
    const output = new Captured(true);
    const progress = new Progress(output, 'import');
    const fromMs = performance.now();
    for (let count = 0; count < 1000; count++) progress.update(count, undefined);
    const drawn = output.text.split('\r').length - 1;
    assert.ok(drawn <= 1 + (performance.now() - fromMs) / 100, `${drawn}`);
  });
});
