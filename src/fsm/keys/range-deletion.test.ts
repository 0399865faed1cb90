import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Work } from '../../base/work.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import { KeySpace } from './key-space.js';
import { RangeDeletion } from './range-deletion.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

void test('a deletion that is saved before it has deleted anything leaves nothing behind after a restart', () => {
  const before = new MemoryBackend();
  const keys = new KeySpace(before);
  keys.write((txn) => txn.put(bytes('k'), bytes('v'), 0n, false));
  // As when all that the first slice goes over are keys that were removed a moment ago.
  RangeDeletion.begin(before, keys, { start: bytes('a'), end: bytes('z') }, false).save();
  keys.save();
  before.commit({ index: 1, term: 1 });

  const backend = before.crash(before.unflushedCommits);
  const state = new KeySpace(backend);
  const resumed = RangeDeletion.resume(backend, state);
  assert.equal(resumed?.step(Work.unbounded()), true);
  assert.equal(resumed.deletedCount, 1);
  assert.equal(RangeDeletion.resume(backend, state), undefined);
});
