import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errorCodes, type ErrorCode } from '../../base/errors.js';
import { BatchResponse, type OperationResult } from '../../generated/kvorum.js';
import { encodeBatchResponse, type BatchResult } from './batch-response.js';

const numbers = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 127, maxLength: 129 }));
const pair = fc.record({
  key: bytes,
  value: bytes,
  createRevision: numbers,
  modRevision: numbers,
  version: numbers,
  lease: fc.constant(0n),
});
const result: fc.Arbitrary<BatchResult> = fc.oneof(
  fc.record(
    { type: fc.constant('put'), revision: numbers, foundModRevision: numbers },
    { requiredKeys: ['type', 'revision'] },
  ),
  fc.record(
    {
      type: fc.constant('delete-range'),
      revision: numbers,
      deletedCount: numbers,
      foundModRevision: numbers,
    },
    { requiredKeys: ['type', 'revision', 'deletedCount'] },
  ),
  fc.record({ type: fc.constant('get'), pair: fc.option(pair, { nil: undefined }) }),
  fc.record({
    type: fc.constant('error'),
    code: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
    message: fc.string({ unit: 'binary', maxLength: 60 }),
  }),
);

function toGenerated(given: BatchResult): OperationResult {
  switch (given.type) {
    case 'put': {
      const foundModRevision = foundOf(given.foundModRevision);
      return { kind: { $case: 'put', value: { revision: BigInt(given.revision), foundModRevision } } };
    }
    case 'delete-range': {
      const foundModRevision = foundOf(given.foundModRevision);
      const deleted = BigInt(given.deletedCount);
      const revision = BigInt(given.revision);
      return { kind: { $case: 'delete', value: { revision, deleted, foundModRevision } } };
    }
    case 'get': {
      if (given.pair === undefined) return { kind: { $case: 'get', value: {} } };
      const { key, value, createRevision, modRevision, version } = given.pair;
      const told = {
        key,
        value,
        createRevision: BigInt(createRevision),
        modRevision: BigInt(modRevision),
        version: BigInt(version),
      };
      return { kind: { $case: 'get', value: { pair: told } } };
    }
    case 'error':
      return { kind: { $case: 'error', value: { code: given.code, message: given.message } } };
  }
}

function foundOf(revision: number | undefined): bigint | undefined {
  return revision === undefined ? undefined : BigInt(revision);
}

describe('encodeBatchResponse', () => {
  it('writes what the generated code writes', () => {
    fc.assert(
      fc.property(fc.array(result, { maxLength: 10 }), (results) => {
        const expected = BatchResponse.encode({ results: results.map(toGenerated) }).finish();
        assert.equal(Buffer.compare(encodeBatchResponse(results), expected), 0);
      }),
      { numRuns: 1000 },
    );
  });
});
