import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Row } from '../../src/ports/backend.js';
import { DiskError } from '../../src/ports/disk.js';
import type { BackendKind } from './backend-kind.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (part: Uint8Array): string => Buffer.from(part).toString('latin1');
const show = (rows: Iterable<Row>): string[] =>
  Array.from(rows, ({ key, value }) => `${text(key)}=${text(value)}`);

/** What is seen of a batch that takes several turns, and of what was removed and may be on disk still. */
export function openBatchesContract(kind: BackendKind): void {
  describe(`backend: ${kind.name}, in the middle of a batch`, () => {
    it('shows whole batches to whoever asks for a view in the middle of one, and whatever begins at its end', async () => {
      const backend = await kind.create();
      backend.put('current', bytes('before'), bytes('1'));
      backend.commit({ index: 1, term: 1 });
      backend.put('current', bytes('half'), bytes('x'));
      const views = Promise.all([backend.view(), backend.view()]);
      await new Promise(setImmediate);
      backend.put('current', bytes('other half'), bytes('x'));
      backend.commit({ index: 2, term: 1 });
      backend.put('current', bytes('next'), bytes('x'));
      for (const view of await views) {
        const keys = Array.from(view.rows(), ({ key }) => Buffer.from(key).toString());
        const whole = ['before', 'half', 'other half'];
        assert.deepEqual(keys, view.position.index === 1 ? ['before'] : whole);
        view.close();
      }
      backend.commit({ index: 3, term: 1 });
      await backend.close();
    });

    it('ends a flush that waits for the end of a batch when it is closed', async () => {
      for (const flush of [true, false]) {
        const backend = await kind.create();
        backend.put('current', bytes('half'), bytes('x'));
        const flushing = backend.flush().catch((error: unknown) => assert.ok(error instanceof DiskError));
        await backend.close({ flush });
        await flushing;
      }
    });

    it('tells of removed keys only those who ask for them, and of none that is there', async () => {
      const backend = await kind.create();
      for (const key of ['a', 'b', 'c', 'd']) backend.put('current', bytes(key), bytes('old'));
      backend.commit({ index: 1, term: 1 });
      await backend.flush();
      for (const key of ['a', 'b', 'd', 'never there']) backend.delete('current', bytes(key));
      backend.put('current', bytes('d'), bytes('new'));
      for (const reverse of [false, true]) {
        assert.deepEqual(show(backend.range('current', { reverse })).sort(), ['c=old', 'd=new']);
        const rows = [...backend.range('current', { reverse, withRemoved: true })];
        assert.deepEqual(show(rows.filter(({ removed }) => removed !== true)).sort(), ['c=old', 'd=new']);
        const removed = show(rows.filter((row) => row.removed === true));
        assert.ok(removed.every((row) => ['a=', 'b=', 'never there='].includes(row)));
        const order = rows.map(({ key }) => Buffer.from(key).toString());
        assert.deepEqual(order, reverse ? [...order].sort().reverse() : [...order].sort());
      }
      backend.commit({ index: 2, term: 1 });
      await backend.close();
    });
  });
}
