import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareBytes } from '../../src/base/bytes.js';
import { Prng, randomInt, type RandomSource } from '../../src/base/prng.js';
import { itHoldsForSeeds } from '../../src/base/testing/seeds.js';
import {
  keySizeBytesMax,
  tableNames,
  type Backend,
  type Row,
  type TableRow,
  type TableName,
} from '../../src/ports/backend.js';
import { DiskError } from '../../src/ports/disk.js';

/** One kind of backend under test. */
export interface BackendKind {
  readonly name: string;
  /** A new, empty one. */
  create(): Promise<Backend>;
  /** Closes it and opens what it left on disk. */
  reopen(backend: Backend, how?: { readonly flush: boolean }): Promise<Backend>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const show = (rows: Iterable<Row>): string[] =>
  [...rows].map(
    ({ key, value }) => `${Buffer.from(key).toString('latin1')}=${Buffer.from(value).toString('latin1')}`,
  );

export function backendContract(kind: BackendKind): void {
  describe(`backend: ${kind.name}`, () => {
    it('shows writes at once, in each table apart', async () => {
      const backend = await kind.create();
      assert.deepEqual(backend.applied, { index: 0, term: 0 });
      backend.put('current', bytes('a'), bytes('1'));
      backend.put('meta', bytes('a'), bytes('2'));
      assert.deepEqual(show(backend.range('current', {})), ['a=1']);
      assert.deepEqual(show(backend.range('meta', {})), ['a=2']);
      backend.delete('current', bytes('a'));
      assert.equal(backend.get('current', bytes('a')), undefined);
      backend.commit({ index: 1, term: 1 });
      assert.deepEqual(backend.applied, { index: 1, term: 1 });
      await backend.flush();
      assert.deepEqual(backend.flushed, { index: 1, term: 1 });
      assert.equal(backend.get('current', bytes('a')), undefined);
      await backend.close();
    });

    it('ranges in both directions, with and without bounds, across what is flushed and what is not', async () => {
      const backend = await kind.create();
      for (const key of ['b', 'd', 'f']) backend.put('current', bytes(key), bytes('old'));
      backend.commit({ index: 1, term: 1 });
      await backend.flush();
      for (const key of ['a', 'd', 'g']) backend.put('current', bytes(key), bytes('new'));
      backend.delete('current', bytes('f'));
      const range = (start?: string, end?: string, reverse = false): string[] =>
        show(
          backend.range('current', {
            start: start && bytes(start),
            end: end && bytes(end),
            reverse,
          } as object),
        );
      assert.deepEqual(range(), ['a=new', 'b=old', 'd=new', 'g=new']);
      assert.deepEqual(range('b', 'g'), ['b=old', 'd=new']);
      assert.deepEqual(range('b', 'g', true), ['d=new', 'b=old']);
      assert.deepEqual(range('c', undefined, true), ['g=new', 'd=new']);
      assert.deepEqual(range(undefined, 'b'), ['a=new']);
      assert.deepEqual(range('x', 'y'), []);
      assert.deepEqual(range('y', 'x'), []);
      await backend.close();
    });

    it('comes back with what was flushed, at its position', async () => {
      let backend = await kind.create();
      backend.put('history', bytes('k'), bytes('v'));
      backend.commit({ index: 7, term: 3 });
      await backend.flush();
      backend = await kind.reopen(backend);
      assert.deepEqual(backend.applied, { index: 7, term: 3 });
      assert.deepEqual(show(backend.range('history', {})), ['k=v']);
      await backend.close();
    });

    it('keeps a view as it was while writes go on', async () => {
      const backend = await kind.create();
      for (let at = 0; at < 50; at++) backend.put('current', bytes(`k${at}`), bytes('before'));
      backend.commit({ index: 1, term: 1 });
      const view = await backend.view();
      for (let at = 0; at < 50; at++) backend.put('current', bytes(`k${at}`), bytes('after'));
      backend.commit({ index: 2, term: 1 });
      await backend.flush();
      assert.deepEqual(view.position, { index: 1, term: 1 });
      const rows = [...view.rows()];
      assert.equal(rows.length, 50);
      assert.ok(
        rows.every((row) => row.table === 'current' && Buffer.from(row.value).toString() === 'before'),
      );
      view.close();
      await backend.close();
    });

    it('switches to an installed content as a whole, and forgets an aborted one', async () => {
      let backend = await kind.create();
      backend.put('current', bytes('old'), bytes('1'));
      backend.commit({ index: 3, term: 1 });
      const aborted = await backend.beginInstall();
      await aborted.add([row('never', 'x')]);
      await aborted.abort();
      const install = await backend.beginInstall();
      for (let at = 0; at < 5000; at += 100) {
        await install.add(Array.from({ length: 100 }, (_, more) => row(`new${at + more}`, '2')));
      }
      assert.equal(backend.get('current', bytes('new1')), undefined);
      let switches = 0;
      assert.equal(backend.installedAt, undefined);
      await install.prepare({ index: 90, term: 2 }, 5000);
      assert.deepEqual([backend.applied.index, backend.get('current', bytes('new1'))], [3, undefined]);
      await install.activate(() => {
        switches++;
        assert.deepEqual(backend.applied, { index: 90, term: 2 });
        assert.equal(backend.get('current', bytes('old')), undefined, 'reads see the new content, whole');
        assert.notEqual(backend.get('current', bytes('new4999')), undefined);
      });
      assert.equal(switches, 1);
      assert.deepEqual(backend.applied, { index: 90, term: 2 });
      assert.equal(backend.get('current', bytes('old')), undefined);
      assert.equal([...backend.range('current', {})].length, 5000);
      backend.put('current', bytes('more'), bytes('3'));
      backend.commit({ index: 91, term: 2 });
      await backend.flush();
      backend = await kind.reopen(backend);
      assert.deepEqual(backend.applied, { index: 91, term: 2 });
      assert.deepEqual(backend.installedAt, { index: 90, term: 2 });
      assert.equal([...backend.range('current', {})].length, 5001);
      await backend.close();
    });

    it('keeps what was flushed when it is closed without another flush', async () => {
      const backend = await kind.create();
      backend.put('current', bytes('a'), bytes('1'));
      backend.commit({ index: 1, term: 1 });
      await backend.flush();
      backend.put('current', bytes('a'), bytes('2'));
      backend.commit({ index: 2, term: 1 });
      const again = await kind.reopen(backend, { flush: false });
      assert.deepEqual(again.applied, { index: 1, term: 1 });
      assert.deepEqual(show(again.range('current', {})), ['a=1']);
      await again.close();
    });

    it('takes keys and values up to their limits', async () => {
      const backend = await kind.create();
      const sizes = [1, 1959, 1960, 1961, 1962, 3920, 3921, 65_536, keySizeBytesMax];
      const put = (size: number): void =>
        backend.put('current', Buffer.alloc(size, 'k'), bytes(String(size)));
      sizes.slice(0, 5).forEach(put);
      backend.commit({ index: 1, term: 1 });
      await backend.flush();
      sizes.slice(5).forEach(put);
      backend.commit({ index: 2, term: 1 });
      await backend.flush();
      for (const size of sizes) {
        assert.equal(Buffer.from(backend.get('current', Buffer.alloc(size, 'k'))!).toString(), String(size));
      }
      assert.deepEqual(
        [...backend.range('current', {})].map(({ key }) => key.length),
        sizes,
      );
      assert.throws(
        () => backend.put('current', Buffer.alloc(keySizeBytesMax + 1), bytes('')),
        /backend key/,
      );
      assert.throws(() => backend.put('current', Buffer.alloc(0), bytes('')), /backend key/);
      backend.put('meta', bytes('big'), Buffer.alloc(16 * 1024 * 1024, 1));
      backend.put('meta', bytes('empty'), Buffer.alloc(0));
      backend.commit({ index: 3, term: 1 });
      await backend.flush();
      assert.equal(backend.get('meta', bytes('big'))?.length, 16 * 1024 * 1024);
      assert.equal(backend.get('meta', bytes('empty'))?.length, 0);
      await backend.close();
    });

    testBatches(kind);
    testViews(kind);

    itHoldsForSeeds('does what a plain sorted map does', 30, [], (seed) => compareWithModel(kind, seed));
  });
}

/** Commits one pair a position. */
function write(backend: Backend, index: number, key: string, value = String(index)): void {
  backend.put('current', bytes(key), bytes(value));
  backend.commit({ index, term: 1 });
}

function testBatches(kind: BackendKind): void {
  it('ranges over nothing where the bounds leave nothing, and from the first where the bound is empty', async () => {
    const backend = await kind.create();
    for (const flushed of [false, true]) {
      write(backend, 1, 'a');
      backend.put('current', Uint8Array.of(0), bytes('zero'));
      backend.commit({ index: 1, term: 1 });
      if (flushed) await backend.flush();
      for (const reverse of [false, true]) {
        const count = (start?: Uint8Array, end?: Uint8Array): number =>
          [...backend.range('current', { start, end, reverse })].length;
        const empty = new Uint8Array(0);
        assert.equal(count(empty), 2);
        assert.equal(count(empty, bytes('a')), 1);
        assert.equal(count(undefined, empty), 0);
        assert.equal(count(empty, empty), 0);
        assert.equal(count(bytes('a'), bytes('a')), 0);
        assert.equal(count(Uint8Array.of(0), Uint8Array.of(0, 0)), 1);
      }
      assert.deepEqual([...backend.range('history', {})], []);
    }
    await backend.close();
  });

  it('lets a range be left early, and goes on', async () => {
    const backend = await kind.create();
    for (let at = 0; at < 10; at++) write(backend, at + 1, `k${at}`);
    await backend.flush();
    for (let round = 0; round < 200; round++) {
      const [first] = backend.range('current', { reverse: round % 2 === 0 });
      assert.ok(first !== undefined);
      write(backend, 11 + round, 'k5', String(round));
    }
    assert.equal(Buffer.from(backend.get('current', bytes('k5'))!).toString(), '199');
    await backend.close();
  });

  it('removes what is not there without harm, on disk or above it', async () => {
    let backend = await kind.create();
    write(backend, 1, 'kept');
    await backend.flush();
    backend.delete('current', bytes('absent'));
    backend.delete('current', Buffer.alloc(5000, 'long'));
    backend.commit({ index: 2, term: 1 });
    backend = await kind.reopen(backend);
    assert.deepEqual(show(backend.range('current', {})), ['kept=1']);
    await backend.close();
  });

  it('makes durable that nothing changed', async () => {
    let backend = await kind.create();
    backend.commit({ index: 4, term: 2 });
    await backend.flush();
    assert.deepEqual(backend.flushed, { index: 4, term: 2 });
    backend = await kind.reopen(backend);
    assert.deepEqual(backend.applied, { index: 4, term: 2 });
    await backend.close();
  });

  it('refuses to go back', async () => {
    const backend = await kind.create();
    write(backend, 5, 'a');
    write(backend, 5, 'b');
    assert.throws(() => backend.commit({ index: 4, term: 1 }), /applied index never falls/);
    await backend.flush();
    assert.deepEqual(show(backend.range('current', {})), ['a=5', 'b=5']);
    await backend.close();
  });

  it('forgets a batch that was left in the middle, and keeps those before it', async () => {
    for (const flushed of [true, false]) {
      let backend = await kind.create();
      write(backend, 1, 'before');
      if (flushed) await backend.flush();
      backend.put('current', bytes('half'), bytes('x'));
      backend.delete('current', bytes('before'));
      assert.deepEqual(show(backend.range('current', {})), ['half=x']);
      backend = await kind.reopen(backend);
      const expected = backend.applied.index === 0 ? [] : ['before=1'];
      assert.deepEqual(show(backend.range('current', {})), expected);
      if (flushed) assert.equal(backend.applied.index, 1);
      await backend.close();
    }
  });

  it('tells what waits for the disk, and when it is there', async () => {
    const backend = await kind.create();
    const told: number[] = [];
    backend.onFlushed((error) => {
      assert.equal(error, undefined);
      told.push(backend.flushed.index);
    });
    const backlogSizeBytes = (): number => backend.backlogSizeBytes;
    assert.equal(backlogSizeBytes(), 0);
    backend.put('current', bytes('k'), Buffer.alloc(10_000));
    assert.ok(backlogSizeBytes() >= 10_000);
    backend.commit({ index: 1, term: 1 });
    await Promise.all([backend.flush(), backend.flush()]);
    assert.equal(backlogSizeBytes(), 0);
    assert.deepEqual(told, [1]);
    await backend.flush();
    assert.deepEqual(told, [1]);
    assert.ok(backend.sizeBytes() >= 10_000);
    await backend.close();
    await backend.close();
  });
}

function isDiskError(error: unknown): boolean {
  return error instanceof DiskError && error.reason === 'failed';
}

function row(key: string, value: string): TableRow {
  return { table: 'current', key: bytes(key), value: bytes(value) };
}

function testViews(kind: BackendKind): void {
  const filled = async (): Promise<Backend> => {
    const backend = await kind.create();
    for (const table of tableNames) {
      for (let at = 0; at < 300; at++) backend.put(table, bytes(`k${at}`), Buffer.alloc(100, 'v'));
    }
    backend.put('meta', Buffer.alloc(5000, 'long'), bytes('value'));
    backend.commit({ index: 1, term: 1 });
    return backend;
  };

  it('shows the rows of a view in order, as often as they are asked for, side by side', async () => {
    const backend = await filled();
    const view = await backend.view();
    const tables = [...view.rows()].map((row) => row.table);
    assert.deepEqual([...new Set(tables)], tableNames);
    assert.equal(tables.length, 4 * 300 + 1);
    const [left, right] = [view.rows()[Symbol.iterator](), view.rows()[Symbol.iterator]()];
    for (let at = 0; at < 500; at++) assert.deepEqual(left.next(), right.next());
    view.close();
    view.close();
    await backend.close();
  });

  it('ends its views when it is closed, and reading on is an error', async () => {
    const backend = await filled();
    const views = await Promise.all([backend.view(), backend.view(), backend.view()]);
    const begun = views.map((view) => view.rows()[Symbol.iterator]());
    for (const rows of begun) for (let at = 0; at < 10; at++) rows.next();
    await backend.close();
    for (const rows of begun) assert.throws(() => rows.next(), isDiskError);
    for (const view of views) {
      assert.throws(() => [...view.rows()], isDiskError);
      view.close();
    }
    await assert.rejects(backend.view(), isDiskError);
  });

  it('ends its views when an installation takes effect', async () => {
    const backend = await filled();
    const view = await backend.view();
    const rows = view.rows()[Symbol.iterator]();
    for (let at = 0; at < 10; at++) rows.next();
    const install = await backend.beginInstall();
    await install.add([row('new', '1')]);
    rows.next();
    await install.prepare({ index: 9, term: 1 }, 1);
    rows.next();
    await install.activate(() => {});
    assert.throws(() => rows.next(), isDiskError);
    view.close();
    const after = await backend.view();
    assert.deepEqual(show(after.rows()), ['new=1']);
    after.close();
    await backend.close();
  });

  it('goes on behind any row', async () => {
    const backend = await filled();
    write(backend, 3, 'k1', 'later');
    backend.put('meta', bytes('m'), bytes('1'));
    backend.commit({ index: 4, term: 1 });
    const view = await backend.view();
    assert.ok(view.sizeBytesEstimated > 0);
    const rows = [...view.rows()];
    for (const [at, { table, key }] of rows.entries()) {
      const next = rows[at + 1];
      const [found] = view.rows({ table, key });
      assert.deepEqual(
        found && [found.table, Buffer.from(found.key)],
        next && [next.table, Buffer.from(next.key)],
      );
    }
    view.close();
    await backend.close();
  });

  it('says what it keeps on disk, about, and nothing once it is closed', async () => {
    const backend = await filled();
    const view = await backend.view();
    assert.equal(view.pinnedSizeBytes(), 0);
    for (let round = 0; round < 60; round++) {
      write(backend, round + 3, `k${round % 3}`, 'x'.repeat(20_000));
      await backend.flush();
    }
    assert.ok(view.pinnedSizeBytes() > 100_000, `${view.pinnedSizeBytes()} bytes`);
    view.close();
    assert.equal(view.pinnedSizeBytes(), 0);
    await backend.close();
  });

  it('goes on when a view is closed in the middle of its rows', async () => {
    const backend = await filled();
    for (let round = 0; round < 20; round++) {
      const view = await backend.view();
      const rows = view.rows()[Symbol.iterator]();
      for (let at = 0; at < round * 20; at++) rows.next();
      view.close();
      assert.throws(() => rows.next(), isDiskError);
      write(backend, round + 2, 'k1', String(round));
      await backend.flush();
    }
    await backend.close();
  });
}

type Model = Map<TableName, Map<string, Uint8Array>>;

function randomKey(random: RandomSource): Uint8Array {
  const length = [1, 1, 1, 1, 1, 1, 1, 1955, 3915, 5875][randomInt(random, 10)]! + randomInt(random, 8);
  const key = Buffer.alloc(length, 'x');
  for (let at = Math.max(0, length - 3); at < length; at++) key[at] = [0, 1, 120, 255][randomInt(random, 4)]!;
  return key;
}

async function compareWithModel(kind: BackendKind, seed: number): Promise<void> {
  const random = new Prng(seed);
  let backend = await kind.create();
  const model: Model = new Map(tableNames.map((name) => [name, new Map<string, Uint8Array>()]));
  let index = 0;
  for (let step = 0; step < 60; step++) {
    const table = tableNames[randomInt(random, 2)]!;
    for (let count = randomInt(random, 20); count > 0; count--) {
      const key = randomKey(random);
      if (randomInt(random, 4) === 0) {
        backend.delete(table, key);
        model.get(table)!.delete(Buffer.from(key).toString('latin1'));
      } else {
        const value = Buffer.from(`${seed}/${step}/${count}`);
        backend.put(table, key, value);
        model.get(table)!.set(Buffer.from(key).toString('latin1'), value);
      }
    }
    backend.commit({ index: ++index, term: 1 });
    if (randomInt(random, 4) === 0) await backend.flush();
    if (randomInt(random, 20) === 0) backend = await kind.reopen(backend);
    compareRange(backend, model, random, `seed ${seed}, step ${step}`);
  }
  await backend.close();
}

function compareRange(backend: Backend, model: Model, random: RandomSource, where: string): void {
  const table = tableNames[randomInt(random, 2)]!;
  const start = randomInt(random, 3) === 0 ? undefined : randomKey(random);
  const end = randomInt(random, 3) === 0 ? undefined : randomKey(random);
  const reverse = randomInt(random, 2) === 0;
  const expected = [...model.get(table)!]
    .map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
    .filter(
      ({ key }) =>
        (start === undefined || compareBytes(key, start) >= 0) &&
        (end === undefined || compareBytes(key, end) < 0),
    )
    .sort((left, right) => compareBytes(left.key, right.key));
  if (reverse) expected.reverse();
  assert.deepEqual(show(backend.range(table, { start, end, reverse })), show(expected), where);
}
