import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../base/bytes.js';
import { RealClock } from '../../ports/real-clock.js';
import { Flusher } from './flusher.js';
import { LmdbStateFolder } from './lmdb-state-folder.js';

describe('flushing', () => {
  it('hands over a bounded number of changes at once, also what gathered while it was held', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-flusher-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const environment = await new LmdbStateFolder(folder).open();
    const handedOver: number[] = [];
    const options = {
      clock: new RealClock(),
      flushIntervalMs: 1e6,
      flushKeysMax: 20,
      flushSizeBytesMax: 1e6,
    };
    const flusher = new Flusher(environment, options, {
      requireWritable: () => Promise.resolve(),
      errorOf: () => Promise.reject(new Error('nothing fails here')),
      committed: (changes) => handedOver.push(changes.length),
      flushed: () => {},
    });
    let index = 0;
    const commit = (): void => {
      for (let at = 0; at < 10; at++) {
        flusher.backlog.set('current', encodeUtf8(`key ${index}-${at}`), encodeUtf8('value'));
      }
      flusher.backlog.commit({ index: ++index, term: 1 });
      flusher.schedule();
    };
    await flusher.hold(async () => {
      for (let batch = 0; batch < 10; batch++) commit();
      await Promise.resolve();
      assert.deepEqual(handedOver, []);
    });
    await flusher.flush();
    assert.deepEqual(handedOver, [20, 20, 20, 20, 20]);
    await environment.close();
  });
});
