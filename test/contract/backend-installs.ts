import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backend, Row, TableRow } from '../../src/ports/backend.js';
import { DiskError } from '../../src/ports/disk.js';
import type { BackendKind } from './backend.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const show = (rows: Iterable<Row>): string[] =>
  [...rows].map(
    ({ key, value }) => `${Buffer.from(key).toString('latin1')}=${Buffer.from(value).toString('latin1')}`,
  );

function write(backend: Backend, index: number, key: string): void {
  backend.put('current', bytes(key), bytes(String(index)));
  backend.commit({ index, term: 1 });
}

function isDiskError(error: unknown): boolean {
  return error instanceof DiskError && error.reason === 'failed';
}

function row(key: string, value: string): TableRow {
  return { table: 'current', key: bytes(key), value: bytes(value) };
}

/** What it takes to put another content in the place of the whole. */
export function installsContract(kind: BackendKind): void {
  describe(`backend: ${kind.name}, installations`, () => {
    const position = { index: 50, term: 2 };

    it('takes one installation at a time, and another after it', async () => {
      const backend = await kind.create();
      const install = await backend.beginInstall();
      await assert.rejects(backend.beginInstall(), /one installation at a time/);
      await install.abort();
      await install.abort();
      await assert.rejects(install.add([row('k', 'v')]), isDiskError);
      await assert.rejects(install.prepare(position, 0), isDiskError);
      await assert.rejects(
        install.activate(() => assert.fail('it was aborted')),
        isDiskError,
      );
      for (let round = 1; round <= 3; round++) {
        const next = await backend.beginInstall();
        await next.add([row(`round ${round}`, 'v')]);
        await next.prepare({ index: round, term: 1 }, 1);
        await next.activate(() => {});
        await next.abort();
        await assert.rejects(next.add([row('k', 'v')]), isDiskError);
        assert.deepEqual(show(backend.range('current', {})), [`round ${round}=v`]);
      }
      await backend.close();
    });

    it('goes on with the old content meanwhile, and drops what it held above the disk', async () => {
      let backend = await kind.create();
      write(backend, 1, 'a');
      const install = await backend.beginInstall();
      await install.add([row('new', '1')]);
      await install.prepare(position, 1);
      write(backend, 2, 'b');
      await backend.flush();
      write(backend, 3, 'c');
      assert.deepEqual(show(backend.range('current', {})), ['a=1', 'b=2', 'c=3']);
      const flushed = backend.flush();
      const activated = install.activate(() => {});
      await Promise.all([flushed, activated, backend.flush()]);
      assert.deepEqual(backend.flushed, position);
      assert.equal(backend.backlogSizeBytes, 0);
      assert.deepEqual(show(backend.range('current', {})), ['new=1']);
      write(backend, 51, 'd');
      backend = await kind.reopen(backend);
      assert.equal(backend.applied.index, 51);
      assert.deepEqual(show(backend.range('current', {})), ['d=51', 'new=1']);
      await backend.close();
    });

    it('ends an installation with itself', async () => {
      let backend = await kind.create();
      write(backend, 1, 'a');
      const install = await backend.beginInstall();
      await install.add([row('never', '1')]);
      await install.prepare(position, 1);
      await backend.close();
      await assert.rejects(
        install.activate(() => {}),
        isDiskError,
      );
      await install.abort();
      await assert.rejects(backend.beginInstall(), isDiskError);
      backend = await kind.reopen(backend);
      assert.deepEqual(show(backend.range('current', {})), ['a=1']);
      await backend.close();
    });

    it('refuses what has more or fewer rows than there are to be', async () => {
      const backend = await kind.create();
      write(backend, 1, 'a');
      for (const rowCount of [1, 3]) {
        const install = await backend.beginInstall();
        await install.add([row('one', '1'), row('two', '2')]);
        await assert.rejects(install.prepare(position, rowCount), { code: 'DATA_DAMAGED' });
        await install.abort();
      }
      assert.deepEqual(show(backend.range('current', {})), ['a=1']);
      await backend.close();
    });

    it('installs nothing of what was prepared and given up', async () => {
      let backend = await kind.create();
      write(backend, 1, 'a');
      const install = await backend.beginInstall();
      await install.add([row('never', '1')]);
      await install.prepare(position, 1);
      await install.abort();
      const next = await backend.beginInstall();
      await next.add([row('now', '1')]);
      await next.prepare(position, 1);
      backend = await kind.reopen(backend);
      assert.deepEqual(show(backend.range('current', {})), ['a=1']);
      assert.equal(backend.installedAt, undefined);
      await backend.close();
    });

    it('installs an empty content', async () => {
      let backend = await kind.create();
      write(backend, 1, 'a');
      const install = await backend.beginInstall();
      await install.prepare(position, 0);
      await install.activate(() => {});
      backend = await kind.reopen(backend);
      assert.deepEqual(backend.applied, position);
      assert.deepEqual(show(backend.range('current', {})), []);
      await backend.close();
    });
  });
}
