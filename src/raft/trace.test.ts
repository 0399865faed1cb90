import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { Trace } from './testing/trace.js';

/** The compiled test stands in dist/src/raft; the scenarios stay beside the source. */
const folder = new URL('../../../src/raft/testdata/', import.meta.url);

for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('.txt'))
  .sort()) {
  const path = new URL(name, folder);
  const text = readFileSync(path, 'utf8');
  const title = text.split('\n', 1)[0]!.replace(/^#\s*/, '');
  void test(`${name}: ${title}`, () => {
    const played = Trace.play(text);
    if (process.env['KVORUM_REWRITE'] === '1') writeFileSync(path, played);
    else assert.equal(played, text);
  });
}
