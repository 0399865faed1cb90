import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableNames } from '../../ports/backend.js';
import { RealClock } from '../../ports/real-clock.js';
import type { Change } from './backlog.js';
import { LmdbCopy } from './lmdb-copy.js';
import { LmdbEnvironment } from './lmdb-environment.js';

const clock = new RealClock();
const position = { index: 3, term: 2 };
const rowsMax = 16;
const sizeBytesMax = 2000;
const longestRow = 2010;

test('a copy takes no more at once than its limits, be it rows or changes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-copy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [from, to] = ['from', 'to'].map(
    (name) => new LmdbEnvironment(join(folder, name), { durable: false }),
  );
  const changes: Change[] = tableNames.flatMap((table) =>
    Array.from({ length: 200 }, (_, at) => ({
      table,
      key: Buffer.from(`k${1000 + at}`),
      value: Buffer.alloc(at % 50 === 0 ? longestRow - 5 : at, 'v'),
    })),
  );
  await from!.write(changes, position);
  const copy = new LmdbCopy(from!, to!, clock, {
    sliceRowsMax: rowsMax,
    sliceSizeBytesMax: sizeBytesMax,
    sliceReadMsMax: Infinity,
    spareSizeBytes: 0,
  });
  let steps = 0;
  let wereChanges = false;
  for (; !copy.isComplete; steps++) {
    const { rows, sizeBytes } = await copy.step();
    assert.ok(rows <= rowsMax && sizeBytes < sizeBytesMax + longestRow, `${rows} rows, ${sizeBytes} bytes`);
    if (steps !== 60) continue;
    // Two thirds have been read by now.
    const later = changes.map(({ table, key }) => ({ table, key, value: key }));
    await from!.write(later, position);
    copy.committed(later, 123);
    wereChanges = copy.behindSizeBytes === 123;
  }
  assert.ok(wereChanges && copy.behindSizeBytes === 0);
  assert.ok(steps > changes.length / rowsMax);
  for (const table of tableNames) {
    assert.deepEqual([...to!.range(table, {})], [...from!.range(table, {})]);
  }
  await copy.finish(position);
  const finished = new LmdbEnvironment(join(folder, 'to'), { durable: true });
  assert.deepEqual(finished.position(), position);
  await finished.close();
  await from!.close();
});
