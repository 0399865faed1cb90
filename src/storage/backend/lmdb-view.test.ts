import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from './lmdb-backend.js';

test('a view is of exactly one commit, the one that it names, while commits go on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-view-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const backend = await LmdbBackend.open(folder, { clock: new RealClock(), flushIntervalMs: 1 });
  const key = Buffer.from('index of the last commit');
  let index = 0;
  const commit = (): void => {
    index++;
    backend.put('meta', key, Buffer.from(String(index)));
    backend.commit({ index, term: 1 });
  };
  backend.onFlushed(commit);
  commit();
  for (let views = 0; views < 200; views++) {
    const opened = backend.view();
    commit();
    const view = await opened;
    const [row] = view.rows();
    assert.equal(Buffer.from(row!.value).toString(), String(view.position.index));
    view.close();
    commit();
  }
  backend.onFlushed(() => {});
  await backend.close();
});
