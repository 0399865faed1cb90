import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { serveMember } from '../api/testing/served-member.js';
import { KvorumError } from '../base/errors.js';
import type { Operation, OperationResult } from '../generated/kvorum.js';
import { connect, type KvorumClient } from './client.js';
import type { ClientLimits } from './options.js';
import { allDone, codeOf, ScriptedStore, silence, type BatchScript } from './testing/scripted-store.js';

const mebibyte = 1024 * 1024;

/** A member that counts the values it reads one by one, and a client. */
async function serve(t: TestContext, limits: Partial<ClientLimits> = {}) {
  const { member, port } = await serveMember(t);
  const counted = { readCount: 0 };
  const rangeLocal = member.rangeLocal.bind(member);
  member.rangeLocal = (query) => {
    counted.readCount += 1;
    return rangeLocal(query);
  };
  const client = connect({ endpoints: `127.0.0.1:${port}`, limits, timeoutMs: 60_000 });
  t.after(() => client.close());
  return { client, counted };
}

async function fill(client: KvorumClient, count: number, sizeBytes: number): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, nth) => `large-${nth}`);
  const value = 'x'.repeat(sizeBytes);
  await Promise.all(keys.map((key) => client.set(key, value)));
  return keys;
}

function refused(code: string): OperationResult {
  return { kind: { $case: 'error', value: { code, message: 'too much' } } };
}

/** Answers `getsMax` gets; from the next one on all is refused. */
function full(operations: readonly Operation[], getsMax: number): OperationResult[] {
  let getCount = 0;
  return allDone(operations).map((result, at) => {
    if (operations[at]!.kind?.$case === 'get') getCount += 1;
    return getCount > getsMax ? refused('LIMIT_EXCEEDED') : result;
  });
}

describe('gets of large values', () => {
  it('are read about once each, however many are asked for in one turn', async (t) => {
    const { client, counted } = await serve(t);
    const keys = await fill(client, 80, mebibyte);
    for (let round = 0; round < 2; round++) {
      counted.readCount = 0;
      const values = await Promise.all(keys.map((key) => client.get(key)));
      assert.ok(values.every((value) => value?.length === mebibyte));
      assert.ok(counted.readCount < 100, `${counted.readCount} reads`);
    }
  });

  it('let small ones and writes beside them get their turn', async (t) => {
    const { client } = await serve(t);
    const keys = await fill(client, 60, mebibyte);
    const done: string[] = [];
    const note = (name: string) => () => done.push(name);
    const large = keys.map((key) => client.get(key).then(note('large')));
    const smallToo = Array.from({ length: 300 }, (_, nth) => client.get(`small-${nth}`));
    await large[0];
    const write = client.set('small', '1').then(note('write'));
    await Promise.all([...large, ...smallToo, write]);
    // It does not wait for all the values that were asked for before.
    assert.ok(done.indexOf('write') < 50, `${done.indexOf('write')}`);
    const { length } = await Promise.all(
      Array.from({ length: 2000 }, (_, nth) => client.get(`small-${nth}`)),
    );
    assert.equal(length, 2000);
  });

  it('never see a write that was called later', async (t) => {
    const { client } = await serve(t);
    const keys = await fill(client, 20, mebibyte);
    const reads = keys.map((key) => client.get(key));
    const writes = keys.map((key) => client.set(key, 'new'));
    const after = keys.map((key) => client.get(key));
    assert.deepEqual(new Set((await Promise.all(reads)).map((value) => value?.length)), new Set([mebibyte]));
    assert.deepEqual(new Set(await Promise.all(after)), new Set(['new']));
    await Promise.all(writes);
  });

  it('fit into responses of the size that this client takes, if each does alone', async (t) => {
    const { client } = await serve(t, { responseSizeBytesMax: 100_000 });
    const keys = await fill(client, 60, 40_000);
    await client.set('too large', 'x'.repeat(100_001));
    const [values, code] = await Promise.all([
      Promise.all(keys.map((key) => client.get(key))),
      codeOf(client.get('too large')),
    ]);
    assert.ok(values.every((value) => value?.length === 40_000));
    assert.equal(code, 'LIMIT_EXCEEDED');
  });

  it('go into requests of as many as fitted, also of many requests at a time, and of more again', async (t) => {
    let getsMax = 3;
    const store = await ScriptedStore.serve(t, (operations) => full(operations, getsMax));
    const client = connect({ endpoints: store.endpoint, limits: { operationsPerBatchMax: 100 } });
    t.after(() => client.close());
    const read = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, nth) => client.get(`key-${nth}`)));
    await read(1000);
    const asked = store.batches.reduce((count, { length }) => count + length, 0);
    // Four times a hundred at once, before the first answer; then three by three, now and then six.
    assert.ok(asked < 2500, `${asked}`);
    store.batches.length = 0;
    getsMax = Infinity;
    await read(1000);
    assert.ok(store.batches.length < 60 && store.batches.some(({ length }) => length > 50));
  });

  it('say so when their time ends before they could be asked for again', async (t) => {
    let first = true;
    const script: BatchScript = (operations, context) => {
      if (!first) return silence(operations, context);
      first = false;
      return full(operations, 1);
    };
    const store = await ScriptedStore.serve(t, script);
    const client = connect({ endpoints: store.endpoint, timeoutMs: 3000, limits: { batchesInFlightMax: 1 } });
    t.after(() => client.close());
    // The last one's time ends while the one before it is on its way: at one moment, it could have been asked for yet.
    const calls = [client.get('a'), client.get('b'), client.get('c', { timeoutMs: 2000 })];
    await calls[0];
    const [b, c] = await Promise.allSettled(calls.slice(1));
    assert.ok(b?.status === 'rejected' && c?.status === 'rejected');
    assert.ok(b.reason instanceof KvorumError && c.reason instanceof KvorumError);
    assert.deepEqual([b.reason.code, c.reason.code], ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
    assert.match(c.reason.message, /asked for before it filled the responses/);
  });

  it('take writes behind them along when they are asked for again, but no write that was refused by itself', async (t) => {
    const store = await ScriptedStore.serve(t, (operations) => full(operations, 1));
    const client = connect({ endpoints: store.endpoint });
    t.after(() => client.close());
    await Promise.all([client.get('a'), client.get('a'), client.set('a', '1')]);
    assert.deepEqual(
      store.batches.map(({ length }) => length),
      [3, 2],
    );
    const busy = await ScriptedStore.serve(t, (operations) => [
      ...allDone(operations.slice(0, -1)),
      refused('LIMIT_EXCEEDED'),
    ]);
    const other = connect({ endpoints: busy.endpoint });
    t.after(() => other.close());
    const calls = [other.get('a'), other.set('a', '1')];
    assert.equal(await calls[0], '');
    assert.equal(await codeOf(calls[1]!), 'LIMIT_EXCEEDED');
    assert.equal(busy.batches.length, 1);
  });
});

describe('calls that were not sent in time', () => {
  it('name what they waited for, and writes did nothing', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const limits = { batchesInFlightMax: 1 };
    const client = connect({ endpoints: store.endpoint, timeoutMs: 60_000, limits });
    t.after(() => client.close());
    const sent = codeOf(client.get('a'));
    while (store.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const message =
      'not sent in time: as many requests as may be on their way have no answer yet (batchesInFlightMax: 1)';
    const options = { timeoutMs: 100 };
    await Promise.all([
      assert.rejects(client.get('b', options), { code: 'DEADLINE_EXCEEDED', message }),
      assert.rejects(client.set('b', '1', options), {
        code: 'LIMIT_EXCEEDED',
        outcome: 'not-applied',
        message,
      }),
    ]);
    client.close();
    assert.equal(await sent, 'CLIENT_CLOSED');
  });

  it('end by the thousand, each at its own time', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const client = connect({ endpoints: store.endpoint, timeoutMs: 60_000 });
    t.after(() => client.close());
    const held = Array.from({ length: 4096 }, (_, nth) => codeOf(client.get(`held-${nth}`)));
    while (store.batches.length < 4) await new Promise((resolve) => setImmediate(resolve));
    const { user } = process.cpuUsage();
    const calls = Array.from({ length: 60_000 }, (_, nth) => {
      return codeOf(client.get(`key-${nth}`, { timeoutMs: 100 + (nth % 2000) }));
    });
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(['DEADLINE_EXCEEDED']));
    assert.ok(process.cpuUsage().user - user < 3_000_000);
    client.close();
    await Promise.all(held);
  });
});
