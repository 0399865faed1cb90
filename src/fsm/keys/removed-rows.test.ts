import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Work } from '../../base/work.js';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from '../../storage/backend/lmdb-backend.js';
import type { RangeAnswer } from '../range.js';
import { KeySpace } from './key-space.js';
import { RangeDeletion } from './range-deletion.js';
import { RangeSize } from './range-size.js';
import type { RangeRead } from './range-read.js';

const all = { start: Uint8Array.of(0), end: undefined };
const count = 3000;
const unitsMax = 50;
const value = new Uint8Array(10);

interface Store {
  readonly backend: LmdbBackend;
  readonly keys: KeySpace;
  readonly commit: () => void;
}

/** Nothing goes to disk by itself: what is removed stays in the backlog, above the rows that LMDB has. */
async function open(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-removed-'));
  const never = { flushIntervalMs: 2 ** 30, flushKeysMax: Infinity, flushSizeBytesMax: Infinity };
  const backend = await LmdbBackend.open(folder, { clock: new RealClock(), ...never });
  t.after(async () => {
    await backend.close({ flush: false });
    rmSync(folder, { recursive: true, force: true });
  });
  const keys = new KeySpace(backend);
  let index = 0;
  const commit = (): void => {
    keys.save();
    backend.commit({ index: ++index, term: 1 });
  };
  return { backend, keys, commit };
}

function putAll({ keys, commit }: Store): void {
  keys.write((txn) => {
    for (let at = 0; at < count; at++) txn.put(Buffer.from(`k${10_000 + at}`), value, 0n, false);
  });
  commit();
}

/** @returns how many steps it took, each of bounded work */
function steps(step: (work: Work) => boolean): number {
  for (let taken = 1; ; taken++) {
    const work = new Work(unitsMax);
    const done = step(work);
    assert.ok(work.units < unitsMax + 10, `${work.units} units in one step`);
    if (done) return taken;
  }
}

const stepsMin = count / (unitsMax + 10);

describe('rows that are removed, and are not yet on disk', () => {
  it('take a range read as many steps as if they were there', async (t) => {
    const store = await open(t);
    const { backend, keys, commit } = store;
    putAll(store);
    await backend.flush();
    keys.write((txn) => {
      for (let at = 0; at < count; at++) txn.delete(Buffer.from(`k${10_000 + at}`));
    });
    putAll(store);
    keys.write((txn) => {
      for (let at = 1; at < count; at++) txn.delete(Buffer.from(`k${10_000 + at}`));
    });
    commit();
    for (const reverse of [false, true]) {
      const read: RangeRead = keys.read({ key: all.start, end: all.start, revision: 0, limit: 0, reverse });
      let answer: RangeAnswer | undefined;
      const taken = steps((work) => (answer = read.step(work)) !== undefined);
      assert.ok(taken > stepsMin, `${taken} steps`);
      assert.deepEqual(
        answer!.items.map(({ key }) => Buffer.from(key).toString()),
        ['k10000'],
      );
    }
  });

  it('take a compacted past as many steps, and its entries are not seen', async (t) => {
    const store = await open(t);
    const { backend, keys, commit } = store;
    const forget = (): void => {
      putAll(store);
      assert.equal(keys.compact(keys.revision), undefined);
      keys.compactSlice(Work.unbounded());
      commit();
    };
    putAll(store);
    forget();
    await backend.flush();
    assert.ok(
      [...backend.range('history', {})].length > 0.9 * count,
      'versions that are still seen are kept',
    );
    forget();
    const { revision } = keys;
    putAll(store);
    const removed = [...backend.range('history', { withRemoved: true })].filter(
      (row) => row.removed === true,
    );
    assert.ok(removed.length > 0.9 * count, `${removed.length} are removed`);
    const read = keys.read({ key: all.start, end: all.start, revision, limit: 0 });
    let answer: RangeAnswer | undefined;
    const taken = steps((work) => (answer = read.step(work)) !== undefined);
    assert.ok(taken > 2 * stepsMin, `${taken} steps`);
    assert.equal(answer!.items.length, count);
    assert.ok(answer!.items.every(({ modRevision }) => modRevision === revision));
  });

  it('take the sum and the deletion of a range as many steps', async (t) => {
    const store = await open(t);
    const { backend, keys, commit } = store;
    putAll(store);
    await backend.flush();
    const first = RangeDeletion.begin(backend, keys, all, false);
    const taken = steps((work) => first.step(work));
    assert.equal(first.deletedCount, count);
    commit();
    const size = new RangeSize(backend, all);
    const summed = steps((work) => size.step(1000, work) === 0);
    const second = RangeDeletion.begin(backend, keys, all, false);
    const again = steps((work) => second.step(work));
    assert.equal(second.deletedCount, 0);
    assert.ok(taken > stepsMin && summed > stepsMin && again > stepsMin, `${taken}, ${summed}, ${again}`);
  });
});
