import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KvorumError } from '../base/errors.js';
import { BatchResponse, type OperationResult, type Pair } from '../generated/kvorum.js';
import { decodeAnyBatchResponse } from './any-batch-response.js';
import { readBatchResponse } from './batch-response.js';
import { decodeResponse } from './unary-calls.js';

const numbers = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const found = fc.option(numbers, { nil: undefined });
const bytes = fc.uint8Array({ maxLength: 200 });
const pair: fc.Arbitrary<Pair> = fc.record({
  key: bytes,
  value: bytes,
  createRevision: numbers,
  modRevision: numbers,
  version: numbers,
});
const result: fc.Arbitrary<OperationResult> = fc
  .oneof(
    fc.record({
      $case: fc.constant('put'),
      value: fc.record({ revision: numbers, foundModRevision: found }),
    }),
    fc.record({ $case: fc.constant('get'), value: fc.record({ pair: fc.option(pair, { nil: undefined }) }) }),
    fc.record({
      $case: fc.constant('delete'),
      value: fc.record({ revision: numbers, deleted: numbers, foundModRevision: found }),
    }),
    fc.record({
      $case: fc.constant('error'),
      value: fc.record({ code: fc.string(), message: fc.string() }),
    }),
    fc.constant(undefined),
  )
  .map((kind) => ({ kind }));
const message = fc
  .array(result, { maxLength: 6 })
  .map((results) => Buffer.from(BatchResponse.encode({ results }).finish()));

/** A message with some of its bytes changed, or cut off. */
const broken = fc
  .tuple(message, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }), fc.nat(3))
  .map(([given, changes, cut]) => {
    const copy = Buffer.from(given);
    for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
    return copy.subarray(0, copy.length - cut);
  });

/**
 * A result in a form that can be compared: numbers and bytes as text.
 *
 * @throws KvorumError INTERNAL for a number that would lose digits
 */
function show(given: object): string {
  return JSON.stringify(given, (_, value: unknown) => {
    if (typeof value === 'bigint') {
      if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
      throw new KvorumError('INTERNAL', 'no number of a member');
    }
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

function expectedOf({ kind }: OperationResult): object {
  switch (kind?.$case) {
    case 'put':
      return { kind: 'put', revision: kind.value.revision, deleted: false, ...foundOf(kind.value) };
    case 'delete': {
      const { revision, deleted } = kind.value;
      return { kind: 'delete', revision, deleted: deleted > 0n, ...foundOf(kind.value) };
    }
    case 'get':
      return { kind: 'get', pair: kind.value.pair };
    case 'error':
      return { kind: 'error', ...kind.value };
    case undefined:
      return { kind: 'unknown' };
  }
}

function foundOf({ foundModRevision }: { foundModRevision?: bigint | undefined }): object {
  return { foundModRevision };
}

function outcomeOf(decode: () => readonly object[]): string {
  try {
    // A Buffer has a JSON form of its own, which comes before the one here.
    return show(decode().map((each) => plain(each)));
  } catch (error) {
    assert.ok(error instanceof KvorumError);
    return error.code;
  }
}

/** With bytes that are no Buffers. */
function plain(given: object): object {
  const of = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return Uint8Array.from(value);
    return typeof value === 'object' && value !== null ? plain(value) : value;
  };
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, of(value)]));
}

const read = (given: Buffer): string =>
  outcomeOf(() => readBatchResponse(given) ?? decodeAnyBatchResponse(given));
const readGenerated = (given: Buffer): string =>
  outcomeOf(() => decodeResponse(BatchResponse, given).results.map(expectedOf));

describe('readBatchResponse, and the general one for what it leaves', () => {
  it('reads what the generated code reads', () => {
    fc.assert(
      fc.property(message, (given) => assert.equal(read(given), readGenerated(given))),
      { numRuns: 1000 },
    );
  });

  it('reads a message that is none as the generated code does', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          broken,
          fc.uint8Array({ maxLength: 16 }).map((each) => Buffer.from(each)),
        ),
        (given) => assert.equal(read(given), readGenerated(given)),
      ),
      { numRuns: 5000 },
    );
  });

  it('gives views of the values, which are Buffers', () => {
    const only = readBatchResponse(
      Buffer.from(
        BatchResponse.encode({
          results: [
            {
              kind: {
                $case: 'get',
                value: {
                  pair: {
                    key: Buffer.from('k'),
                    value: Buffer.from('v'),
                    createRevision: 2n,
                    modRevision: 3n,
                    version: 4n,
                  },
                },
              },
            },
          ],
        }).finish(),
      ),
    )?.[0];
    assert.deepEqual(only, {
      kind: 'get',
      pair: { key: Buffer.from('k'), value: Buffer.from('v'), createRevision: 2, modRevision: 3, version: 4 },
    });
  });
});
