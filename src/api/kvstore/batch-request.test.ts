import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KvorumError } from '../../base/errors.js';
import { BatchRequest, type Operation } from '../../generated/kvorum.js';
import { makeApiLimits } from '../limits.js';
import { decodeMessage } from '../message.js';
import { decodeBatchRequest } from './batch-request.js';

const limits = makeApiLimits();
const bytes = fc.uint8Array({ maxLength: 200 });
const expectedModRevision = fc.option(
  fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  { nil: undefined },
);
const operation: fc.Arbitrary<Operation> = fc
  .oneof(
    fc.record({
      $case: fc.constant('put'),
      value: fc.record({ key: bytes, value: bytes, expectedModRevision }),
    }),
    fc.record({ $case: fc.constant('get'), value: fc.record({ key: bytes, serializable: fc.boolean() }) }),
    fc.record({ $case: fc.constant('delete'), value: fc.record({ key: bytes, expectedModRevision }) }),
    fc.constant(undefined),
  )
  .map((kind) => ({ kind }));
const message = fc
  .array(operation, { maxLength: 6 })
  .map((operations) => BatchRequest.encode({ operations }).finish());

/** A message with some of its bytes changed, or cut off. */
const broken = fc
  .tuple(message, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }), fc.nat(3))
  .map(([given, changes, cut]) => {
    const copy = Uint8Array.from(given);
    for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
    return copy.subarray(0, copy.length - cut);
  });

/** An operation in a form that can be compared. */
function show({ kind }: Operation): string {
  if (kind === undefined) return 'refused';
  const key = Buffer.from(kind.value.key).toString('hex');
  if (kind.$case === 'get') return `get ${key} ${kind.value.serializable}`;
  const { expectedModRevision: expected } = kind.value;
  if (expected !== undefined && BigInt.asUintN(53, expected) !== expected) return 'refused';
  if (kind.$case === 'delete') return `delete-range ${key} ${expected}`;
  return `put ${key} ${Buffer.from(kind.value.value).toString('hex')} ${expected}`;
}

function outcomeOf(decode: () => readonly string[]): readonly string[] | string {
  try {
    return decode();
  } catch (error) {
    assert.ok(error instanceof KvorumError);
    return error.code;
  }
}

function read(given: Uint8Array): readonly string[] | string {
  return outcomeOf(() =>
    decodeBatchRequest(given, limits).map((each) => {
      if (each.type === 'refused') return each.type;
      const key = Buffer.from(each.key).toString('hex');
      if (each.type === 'get') return `get ${key} ${each.serializable}`;
      if (each.type === 'delete-range') return `delete-range ${key} ${each.expectedModRevision}`;
      return `put ${key} ${Buffer.from(each.value).toString('hex')} ${each.expectedModRevision}`;
    }),
  );
}

const readGenerated = (given: Uint8Array): readonly string[] | string =>
  outcomeOf(() => decodeMessage(BatchRequest, 'BatchRequest', given).operations.map(show));

describe('decodeBatchRequest', () => {
  it('reads what the generated code reads', () => {
    fc.assert(
      fc.property(message, (given) => assert.deepEqual(read(given), readGenerated(given))),
      { numRuns: 1000 },
    );
  });

  it('reads a message that is none as the generated code does', () => {
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 16 })), (given) =>
        assert.deepEqual(read(given), readGenerated(given)),
      ),
      { numRuns: 5000 },
    );
  });

  it('takes as many operations as the limit says, and refuses one more in each form', () => {
    const few = makeApiLimits({ batchOperationsMax: 3 });
    const get = { kind: { $case: 'get', value: { key: Buffer.from('k'), serializable: false } } } as const;
    for (const each of [get, { kind: undefined }]) {
      const encode = (count: number): Uint8Array =>
        BatchRequest.encode({ operations: Array.from({ length: count }, () => each) }).finish();
      assert.equal(decodeBatchRequest(encode(3), few).length, 3);
      assert.throws(() => decodeBatchRequest(encode(4), few), {
        code: 'LIMIT_EXCEEDED',
        message: 'the batch holds 4 operations, the limit is 3 (batchOperationsMax)',
      });
    }
  });
});
