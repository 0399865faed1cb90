import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { serveMember } from '../api/testing/served-member.js';
import { onAbort, stopWaitingForAbort } from './abort-signals.js';
import { connect } from './client.js';
import { codeOf, ScriptedStore, silence } from './testing/scripted-store.js';

describe('onAbort', () => {
  it('calls back in the order of the calls, without those that stopped waiting, with one listener', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: number[] = [];
    const callbacks = Array.from({ length: 6 }, (_, nth) => onAbort(signal, () => called.push(nth)));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    for (const nth of [0, 3, 3, 5]) stopWaitingForAbort(signal, callbacks[nth]!);
    controller.abort();
    assert.deepEqual(called, [1, 2, 4]);
    stopWaitingForAbort(signal, callbacks[1]!);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('leaves the signal alone when nobody waits any more', () => {
    const { signal } = new AbortController();
    for (let nth = 0; nth < 3; nth++) {
      const callback = onAbort(signal, () => {});
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      stopWaitingForAbort(signal, callback);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    }
  });
});

describe('calls with one AbortSignal', () => {
  it('have one listener together, and none when they are done', async (t) => {
    const { port } = await serveMember(t);
    const client = connect({ endpoints: `127.0.0.1:${port}` });
    t.after(() => client.close());
    const { signal } = new AbortController();
    const listenerCount = (): number => getEventListeners(signal, 'abort').length;
    // Not connected yet, so all wait in their own way.
    const calls: Promise<unknown>[] = [];
    for (let nth = 0; nth < 50; nth++) {
      calls.push(client.set(`key-${nth}`, '1', { signal }), client.get('a', { signal, serializable: true }));
      calls.push(client.members({ signal }), client.list({ signal }).next());
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(listenerCount(), 1);
    await Promise.all(calls);
    assert.equal(listenerCount(), 0);
    const more = Array.from({ length: 50 }, () => client.members({ signal }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(listenerCount(), 1);
    await Promise.all(more);
    assert.equal(listenerCount(), 0);
  });

  it('end all at once, by the ten thousand', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const client = connect({ endpoints: store.endpoint, timeoutMs: 60_000 });
    t.after(() => client.close());
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 60_000 }, (_, nth) => codeOf(client.get(`key-${nth}`, { signal })));
    while (store.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const { user } = process.cpuUsage();
    controller.abort();
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(['CANCELLED']));
    // Walking through all for each takes sixteen seconds.
    assert.ok(process.cpuUsage().user - user < 5_000_000);
  });

  it('reject without sending anything when it was aborted before', async (t) => {
    const { port } = await serveMember(t);
    const client = connect({ endpoints: `127.0.0.1:${port}` });
    t.after(() => client.close());
    await client.set('a', '1');
    const options = { signal: AbortSignal.abort() };
    const calls = [
      ...[client.set('a', '2', options), client.get('a', options), client.compareAndDelete('a', 2, options)],
      ...[client.members(options), client.status(undefined, options), client.list(options).next()],
      client.join({ name: 'node2', raftAddress: '127.0.0.1:60052' }, options),
      client.updateMember('node1', '127.0.0.1:1', options),
    ];
    for (const call of calls) assert.equal(await codeOf(call), 'CANCELLED');
    assert.equal((await client.members()).members.length, 1);
  });
});
