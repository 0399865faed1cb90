import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareBytes } from '../../src/base/bytes.js';
import { Prng, randomInt, type RandomSource } from '../../src/base/prng.js';
import {
  keySizeBytesMax,
  tableNames,
  type Backend,
  type Row,
  type TableName,
} from '../../src/ports/backend.js';

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
      await aborted.add('current', bytes('never'), bytes('x'));
      await aborted.abort();
      const install = await backend.beginInstall();
      for (let at = 0; at < 5000; at++) await install.add('current', bytes(`new${at}`), bytes('2'));
      assert.equal(backend.get('current', bytes('new1')), undefined);
      let switches = 0;
      await install.activate({ index: 90, term: 2 }, () => {
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

    const seeds = process.env.KVORUM_SEED === undefined ? 30 : 1;
    const firstSeed = Number(process.env.KVORUM_SEED ?? 1);
    it(`does what a plain sorted map does (${seeds} seeds from KVORUM_SEED=${firstSeed})`, async () => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        await compareWithModel(kind, seed);
      }
    });
  });
}

type Model = Map<TableName, Map<string, Uint8Array>>;

function randomKey(random: RandomSource): Uint8Array {
  const length = randomInt(random, 12) === 0 ? 1955 + randomInt(random, 12) : 1 + randomInt(random, 4);
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
