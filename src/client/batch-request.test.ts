import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BatchRequest, type Operation } from '../generated/kvorum.js';
import { encodeBatchRequest, type RequestedOperation } from './batch-request.js';
import { toBytes, utf8SizeBytes } from './text.js';

const content = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.uint8Array({ maxLength: 200 }),
);
const operations: fc.Arbitrary<RequestedOperation> = fc
  .record({
    kind: fc.constantFrom('put', 'get', 'delete'),
    key: content,
    value: content,
    serializable: fc.boolean(),
    expected: fc.option(fc.oneof(fc.maxSafeNat(), fc.nat(200)), { nil: undefined }),
  })
  .map(({ kind, key, value, serializable, expected }) => ({
    kind,
    key,
    keySizeBytes: utf8SizeBytes('INVALID_KEY', 'key', key),
    value: kind === 'put' ? value : '',
    valueSizeBytes: kind === 'put' ? utf8SizeBytes('INVALID_VALUE', 'value', value) : 0,
    serializable,
    expectedModRevision: kind === 'get' ? undefined : expected,
  }));

function toGenerated(operation: RequestedOperation): Operation {
  const { kind, serializable, expectedModRevision: expected } = operation;
  const key = toBytes('INVALID_KEY', 'key', operation.key);
  const value = toBytes('INVALID_VALUE', 'value', operation.value);
  const expectedModRevision = expected === undefined ? undefined : BigInt(expected);
  switch (kind) {
    case 'put':
      return { kind: { $case: 'put', value: { key, value, expectedModRevision } } };
    case 'get':
      return { kind: { $case: 'get', value: { key, serializable } } };
    case 'delete':
      return { kind: { $case: 'delete', value: { key, expectedModRevision } } };
  }
}

describe('encodeBatchRequest', () => {
  it('writes what the generated code writes', () => {
    fc.assert(
      fc.property(fc.array(operations, { maxLength: 10 }), (given) => {
        const expected = BatchRequest.encode({ operations: given.map(toGenerated) }).finish();
        assert.equal(encodeBatchRequest(given).compare(expected), 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes lengths of each size', () => {
    for (const length of [127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21]) {
      for (const value of ['v'.repeat(length), new Uint8Array(length)]) {
        const put: RequestedOperation = {
          kind: 'put',
          key: 'k',
          keySizeBytes: 1,
          value,
          valueSizeBytes: length,
          serializable: false,
          expectedModRevision: undefined,
        };
        const expected = BatchRequest.encode({ operations: [toGenerated(put)] }).finish();
        assert.equal(encodeBatchRequest([put]).compare(expected), 0);
      }
    }
  });

  it('sends of bytes what is left of them, if their owner gave them away after the call', () => {
    const value = Uint8Array.of(1, 2, 3);
    const given: RequestedOperation = {
      kind: 'put',
      key: 'k',
      keySizeBytes: 1,
      value,
      valueSizeBytes: 3,
      serializable: false,
      expectedModRevision: undefined,
    };
    structuredClone(value, { transfer: [value.buffer] });
    assert.deepEqual(BatchRequest.decode(encodeBatchRequest([given])).operations, [
      { kind: { $case: 'put', value: { ...emptyPut, key: Buffer.from('k') } } },
    ]);
  });
});

const emptyPut = { value: new Uint8Array(0), expectedModRevision: undefined };
