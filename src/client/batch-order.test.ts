import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { orderBatch } from './batch-order.js';
import { isWrite } from './operation.js';
import { operation } from './testing/operations.js';

describe('orderBatch', () => {
  it('lets writes stand together, and reads of keys not written come last', () => {
    const calls = [
      operation('get', 'a'),
      operation('put', 'b'),
      operation('get', 'c'),
      operation('delete', 'd'),
    ];
    assert.deepEqual(
      orderBatch(calls).map(({ kind, keyId }) => `${kind} ${keyId}`),
      ['put b', 'delete d', 'get a', 'get c'],
    );
  });

  it('keeps a read before the write that follows it, and after the write before it', () => {
    const calls = [
      operation('get', 'a'),
      operation('put', 'a'),
      operation('get', 'a'),
      operation('put', 'b'),
    ];
    assert.deepEqual(
      orderBatch(calls).map(({ kind, keyId }) => `${kind} ${keyId}`),
      ['get a', 'put a', 'put b', 'get a'],
    );
  });

  it('keeps every operation and the order within each key', () => {
    const call = fc.tuple(fc.constantFrom('get', 'put', 'delete'), fc.constantFrom('a', 'b', 'c'));
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
        const before = calls.map(([kind, key]) => operation(kind, key));
        const after = orderBatch(before);
        assert.equal(after.length, before.length);
        for (const key of ['a', 'b', 'c']) {
          const ofKey = ({ keyId }: { keyId: string }): boolean => keyId === key;
          assert.deepEqual(after.filter(ofKey), before.filter(ofKey));
        }
      }),
    );
  });

  it('makes no more groups of writes than the busiest key needs', () => {
    const call = fc.tuple(fc.constantFrom('get', 'put'), fc.constantFrom('a', 'b', 'c'));
    const groups = (calls: readonly ReturnType<typeof operation>[]): number =>
      calls.filter((one, at) => isWrite(one) && (at === 0 || !isWrite(calls[at - 1]!))).length;
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
        const before = calls.map(([kind, key]) => operation(kind, key));
        const needed = ['a', 'b', 'c'].map((key) => groups(before.filter(({ keyId }) => keyId === key)));
        assert.ok(groups(orderBatch(before)) <= Math.max(...needed));
      }),
    );
  });
});
