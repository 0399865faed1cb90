import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from './lmdb-backend.js';

for (const [what, spoil] of [
  ['garbage', (path: string) => writeFileSync(path, 'x')],
  ['empty', (path: string) => writeFileSync(path, '')],
  ['missing', (path: string) => rmSync(path)],
  ['another state', (path: string) => writeFileSync(path, '7')],
] as const) {
  test(`a CURRENT file that is damaged (${what}) never costs the state`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-current-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const clock = new RealClock();
    const backend = await LmdbBackend.open(folder, { clock });
    backend.put('meta', Buffer.from('key'), Buffer.from('value'));
    backend.commit({ index: 1, term: 1 });
    await backend.close({ flush: true });
    spoil(join(folder, 'CURRENT'));
    await assert.rejects(LmdbBackend.open(folder, { clock }), { code: 'DATA_DAMAGED' });
    assert.ok(existsSync(join(folder, 'state-1', 'data.mdb')));
    writeFileSync(join(folder, 'CURRENT'), '1');
    const again = await LmdbBackend.open(folder, { clock });
    assert.deepEqual(again.applied, { index: 1, term: 1 });
    await again.close({ flush: true });
  });
}
