import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Work } from '../../base/work.js';
import { tableNames, type RangeOptions, type Row, type TableName } from '../../ports/backend.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import { KeySpace } from './key-space.js';
import { stateDefaults } from './limits.js';
import type { RangeRead } from './range-read.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
/** What the slice goes beyond its budget: a segment is removed as a whole. */
const segmentUnitsMax = 600;
const long = 'x'.repeat(1000);

/** Says how often segments were walked over. */
class CountingBackend extends MemoryBackend {
  walks = 0;

  override *range(table: TableName, options: RangeOptions): Generator<Row> {
    if (table === 'revisions') this.walks++;
    yield* super.range(table, options);
  }
}

class Store {
  backend: MemoryBackend;
  keys: KeySpace;
  #index = 0;

  constructor(backend = new MemoryBackend()) {
    this.backend = backend;
    this.keys = new KeySpace(backend);
  }

  /** Each in a revision of its own. */
  put(...pairs: readonly (readonly [string, string])[]): void {
    for (const [key, value] of pairs) {
      this.keys.write((txn) => txn.put(bytes(key), bytes(value), 0n, false));
      this.commit();
    }
  }

  remove(key: string): void {
    this.keys.write((txn) => txn.delete(bytes(key)));
    this.commit();
  }

  compact(revision: number): void {
    assert.equal(this.keys.compact(revision), undefined);
    this.commit();
  }

  commit(): void {
    this.keys.save();
    this.backend.commit({ index: ++this.#index, term: 1 });
  }

  /** As after a crash in which nothing that was committed is lost. */
  restart(): void {
    this.backend = this.backend.crash(this.backend.unflushedCommits);
    this.keys = new KeySpace(this.backend);
  }

  /** The state of another member, as a snapshot brings it. */
  async install(other: Store): Promise<void> {
    const replacement = await this.backend.beginInstall();
    const rows = tableNames.flatMap((table) =>
      [...other.backend.range(table, {})].map((row) => ({ table, ...row })),
    );
    await replacement.add(rows);
    this.#index = Math.max(this.#index, other.#index);
    await replacement.prepare({ index: this.#index, term: 1 }, rows.length);
    await replacement.activate(() => this.keys.reload());
  }

  step(count = 1): void {
    for (; count > 0; count--) {
      const work = new Work(128);
      this.keys.compactSlice(work);
      assert.ok(work.units < 128 + segmentUnitsMax, `${work.units} units in one slice`);
      this.commit();
    }
  }

  at(key: string, revision: number): string | undefined {
    const [item] = this.keys.range({ key: bytes(key), revision, limit: 0 }).items;
    return item === undefined ? undefined : Buffer.from(item.value).toString();
  }

  rows(table: 'history' | 'revisions'): number {
    return [...this.backend.range(table, {})].length;
  }
}

describe('compaction', () => {
  it('removes old changes in bounded steps, down to the segment that still grows', () => {
    const store = new Store();
    const count = 1024;
    for (let at = 0; at < count; at++) store.put(['k', `${at} ${long}`]);
    const before = store.rows('revisions');
    assert.ok(before >= 4 * 8, 'several segments a step');
    assert.equal(store.rows('history'), count / stateDefaults.versionsPerEntry);
    store.compact(store.keys.revision);
    assert.equal(store.rows('revisions'), before, 'nothing yet');
    store.step();
    const after = store.rows('revisions');
    assert.ok(after < before && after > before / 2, `${after} of ${before} segments after one slice`);
    store.step(10);
    assert.equal(store.rows('revisions'), 1);
    assert.ok(store.rows('history') <= 2, 'entries go with their changes');
    assert.equal(store.at('k', 0), `${count - 1} ${long}`);
  });

  it('begins anew with a state that has not come as far', async () => {
    const [far, near] = [new Store(), new Store()];
    const names = Array.from({ length: 300 }, (_, at) => `key ${at}`);
    for (const store of [far, near]) {
      store.put(...names.map((name) => [name, `old ${long}`] as const));
      store.compact(store.keys.revision);
      store.put(...names.map((name) => [name, `new ${long}`] as const));
    }
    const { compactRevision } = near.keys;
    far.step(40);
    assert.ok(!far.keys.compactionPending && near.keys.compactionPending);
    await far.install(near);
    assert.ok(names.every((name) => far.at(name, compactRevision) === `old ${long}`));
    far.step(40);
    near.step(40);
    assert.ok(!far.keys.compactionPending);
    assert.ok(names.every((name) => far.at(name, compactRevision) === `old ${long}`));
    assert.deepEqual(
      [far.rows('history'), far.rows('revisions')],
      [near.rows('history'), near.rows('revisions')],
    );
  });

  it('keeps the versions that are seen from its revision on, until a later one removes them', () => {
    const store = new Store();
    const names = Array.from({ length: 300 }, (_, at) => `key ${at}`);
    store.put(...names.map((name) => [name, `old ${long}`] as const));
    const { revision } = store.keys;
    store.put(...names.map((name) => [name, `new ${long}`] as const));
    store.compact(revision);
    store.step(20);
    assert.ok(names.every((name) => store.at(name, revision) === `old ${long}`));
    store.restart();
    assert.ok(names.every((name) => store.at(name, revision) === `old ${long}`));
    assert.equal([...store.keys.changesSince(revision + 1)].length, 300);
    assert.ok(store.rows('history') >= 250);
    store.compact(store.keys.revision);
    store.step(20);
    assert.ok(store.rows('history') <= 20, 'only those of the last segments are left');
    assert.ok(names.every((name) => store.at(name, 0) === `new ${long}`));
  });

  it('lets what is written meanwhile keep what it replaces', () => {
    const store = new Store();
    for (let at = 0; at < 200; at++) store.put([`key ${at}`, `old ${long}`]);
    const { revision } = store.keys;
    store.compact(revision);
    store.step(20);
    store.put(['key 1', 'new']);
    store.remove('key 2');
    for (let round = 0; round < 2; round++) {
      assert.equal(store.at('key 1', revision), `old ${long}`);
      assert.equal(store.at('key 2', revision), `old ${long}`);
      assert.equal(store.at('key 2', 0), undefined);
      const events = [...store.keys.changesSince(revision + 1)];
      assert.ok(events.every(({ previous }) => Buffer.from(previous!.value).toString() === `old ${long}`));
      store.restart();
    }
  });

  it('goes on with a later one that comes before it has ended, and after a restart', () => {
    const store = new Store();
    for (let at = 0; at < 1000; at++) store.put([`key ${at % 100}`, `${at} ${long}`]);
    for (const revision of [300, 500, 502, 900]) {
      store.compact(revision);
      store.step(2);
      store.restart();
      for (let at = revision; at <= store.keys.revision; at += 7) {
        // Revision r wrote value r - 2.
        const last = at - 2;
        assert.equal(store.at(`key ${last % 100}`, at), `${last} ${long}`);
        assert.equal(store.at(`key ${(last + 1) % 100}`, at), `${last - 99} ${long}`);
      }
    }
    store.step(50);
    assert.ok(store.rows('revisions') < 12);
  });

  it('is soon done where there is nothing to remove', () => {
    for (const revision of [0, 1]) {
      const store = new Store();
      store.compact(revision);
      store.step();
      assert.equal(store.keys.compactionPending, false, `to revision ${revision}`);
    }
  });

  it('gets ahead while some read is always older than the newest target, and takes nothing from it', () => {
    const store = new Store();
    const names = Array.from({ length: 10 }, (_, at) => `key ${at}`);
    store.put(...names.map((name) => [name, `0 ${long}`] as const));
    const reads: { readonly read: RangeRead; readonly round: number }[] = [];
    for (let round = 1; round < 60; round++) {
      const read = store.keys.read({ key: bytes('k'), end: bytes('l'), revision: 0, limit: 0 });
      assert.equal(read.step(new Work(1)), undefined, 'it has only begun');
      reads.push({ read, round: round - 1 });
      for (let nth = 0; nth < 10; nth++)
        store.put(...names.map((name) => [name, `${round} ${long}`] as const));
      store.compact(store.keys.revision);
      store.step(10);
      if (reads.length < 3) continue;
      const oldest = reads.shift()!;
      const { items } = oldest.read.step(Work.unbounded())!;
      assert.deepEqual(
        items.map(({ value }) => Buffer.from(value).toString()),
        names.map(() => `${oldest.round} ${long}`),
      );
      assert.ok(store.rows('revisions') < 60, `${store.rows('revisions')} segments in round ${round}`);
    }
    for (const { read } of reads) read.close();
    store.step(50);
    assert.equal(store.rows('revisions'), 1);
    assert.ok(store.rows('history') <= 12, `${store.rows('history')} rows of the past are left`);
  });

  it('removes what it kept for a reader once he is gone', () => {
    const store = new Store();
    for (let at = 0; at < 400; at++) store.put([`key ${at % 50}`, `${at} ${long}`]);
    store.compact(10);
    store.step(20);
    const unpin = store.keys.pin(300);
    store.compact(400);
    store.step(20);
    assert.ok(store.rows('history') > 30, 'the versions that he sees, and later changes name');
    unpin();
    store.step(20);
    assert.equal(store.keys.compactionPending, false);
    assert.ok(store.rows('history') <= 10, `${store.rows('history')} rows of the past are left`);
  });

  it('finds any version of a key that was changed very often', () => {
    const store = new Store();
    for (let at = 0; at < 1000; at++) store.put(['k', String(at)]);
    store.remove('k');
    for (let at = 0; at < 1000; at++) store.put(['k', String(at)]);
    for (let at = 0; at < 1000; at++) {
      assert.equal(store.at('k', at + 2), String(at));
      assert.equal(store.at('k', at + 1003), String(at));
    }
    assert.equal(store.at('k', 1002), undefined);
    assert.equal(store.at('k', 1), undefined);
  });

  it('does not look for what it has removed', () => {
    const backend = new CountingBackend();
    const store = new Store(backend);
    for (let at = 0; at < 1000; at++) store.put([`key ${at % 500}`, `${at} ${long}`]);
    const { revision } = store.keys;
    store.put(['key 7', 'newer']);
    store.compact(revision);
    store.step(100);
    assert.equal(store.rows('revisions'), 1);
    const before = backend.walks;
    assert.equal(store.at('key 7', revision), `507 ${long}`);
    assert.equal(backend.walks, before, 'walks over the segments that are left');
  });
});
