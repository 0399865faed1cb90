import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { connect } from './client.js';
import type { ClientLimits } from './options.js';
import { allDone, codeOf, ScriptedStore, silence, type BatchScript } from './testing/scripted-store.js';

describe('batches', () => {
  async function serve(t: TestContext, script: BatchScript = allDone, limits: Partial<ClientLimits> = {}) {
    const store = await ScriptedStore.serve(t, script);
    const client = connect({ endpoints: store.endpoint, limits });
    t.after(() => client.close());
    return { store, client };
  }
  const sizes = (store: ScriptedStore): number[] => store.batches.map(({ length }) => length);

  it('sends the calls of one turn as one request', async (t) => {
    const { store, client } = await serve(t);
    const calls = Array.from({ length: 100 }, (_, nth) => client.set(`key-${nth}`, 'value'));
    await Promise.all([...calls, client.get('key-3'), client.delete('key-3')]);
    assert.deepEqual(sizes(store), [102]);
  });

  it('gathers what is called while batches are on their way', async (t) => {
    const gate: (() => void)[] = [];
    const script: BatchScript = async (operations) => {
      await new Promise<void>((resolve) => gate.push(resolve));
      return allDone(operations);
    };
    const { store, client } = await serve(t, script, { batchesInFlightMax: 1 });
    const first = client.set('a', '1');
    while (gate.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const others: Promise<unknown>[] = [];
    for (let turn = 0; turn < 5; turn++) {
      others.push(client.set(`b${turn}`, '1'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    gate.shift()!();
    await first;
    while (gate.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gate.shift()!();
    await Promise.all(others);
    assert.deepEqual(sizes(store), [1, 5]);
  });

  it('keeps to the limits of a batch', async (t) => {
    const { store, client } = await serve(t, allDone, { operationsPerBatchMax: 10, batchSizeBytesMax: 1000 });
    await Promise.all(Array.from({ length: 25 }, (_, nth) => client.set(`key-${nth}`, 'value')));
    assert.deepEqual(sizes(store), [10, 10, 5]);
    await Promise.all(['a', 'b', 'c'].map((key) => client.set(key, 'x'.repeat(499))));
    assert.deepEqual(sizes(store).slice(3), [2, 1]);
  });

  it('refuses operations past the number that may wait', async (t) => {
    const { client } = await serve(t, silence, { operationsWaitingMax: 2 });
    const waiting = [client.set('a', '1'), client.get('b')];
    assert.equal(await codeOf(client.set('c', '1')), 'LIMIT_EXCEEDED');
    client.close();
    await Promise.allSettled(waiting);
  });

  it('refuses operations past the bytes that may wait', async (t) => {
    const { client } = await serve(t, silence, { waitingSizeBytesMax: 10 });
    const waiting = client.set('a', '123456789');
    assert.equal(await codeOf(client.get('b')), 'LIMIT_EXCEEDED');
    client.close();
    await Promise.allSettled([waiting]);
  });

  it('asks again, in a smaller batch, for values that did not fit in one response', async (t) => {
    const script: BatchScript = (operations) =>
      allDone(operations).map((result, at) =>
        at < 2
          ? result
          : { kind: { $case: 'error', value: { code: 'LIMIT_EXCEEDED', message: 'too much' } } },
      );
    const { store, client } = await serve(t, script);
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => client.get(key)));
    assert.deepEqual(sizes(store), [5, 2, 1]);
  });

  it('takes serializable reads along apart from the others, which may wait for a quorum', async (t) => {
    const local: BatchScript = (operations, context) => {
      const kind = operations[0]?.kind;
      const serializable = kind?.$case === 'get' && kind.value.serializable;
      return serializable ? allDone(operations) : silence(operations, context);
    };
    const { client } = await serve(t, local);
    const write = client.set('a', '1');
    assert.equal(await client.get('a', { serializable: true }), '');
    client.close();
    assert.equal(await codeOf(write), 'OUTCOME_UNKNOWN');
  });
});
