import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import { BatchRequest, BatchResponse, type Operation, type OperationResult } from '../../generated/kvorum.js';
import { makeApiLimits } from '../limits.js';
import { batchContext } from '../testing/batch-context.js';
import { MapMember } from '../testing/map-member.js';
import { BatchRun } from './batch.js';
import { decodeBatchRequest } from './batch-request.js';
import { encodeBatchResponse } from './batch-response.js';
import { GetTurns } from './get-turns.js';

interface Step {
  readonly what: 'put' | 'get' | 'delete';
  readonly key: string;
  readonly value: string;
  /** Of a write. */
  readonly expected: bigint | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('put', 'get', 'delete'),
  key: fc.constantFrom('', 'a', 'b', 'c'),
  value: fc.string({ maxLength: 3 }),
  expected: fc.option(fc.bigInt({ min: 0n, max: 6n }), { nil: undefined }),
});

function toOperation({ what, key, value, expected }: Step): Operation {
  const bytes = encodeUtf8(key);
  switch (what) {
    case 'put':
      return {
        kind: {
          $case: 'put',
          value: { key: bytes, value: encodeUtf8(value), expectedModRevision: expected },
        },
      };
    case 'get':
      return { kind: { $case: 'get', value: { key: bytes, serializable: false } } };
    case 'delete':
      return { kind: { $case: 'delete', value: { key: bytes, expectedModRevision: expected } } };
  }
}

/** A plain Map with the revision of each key's last put. */
class NaiveStore {
  readonly #pairs = new Map<string, { readonly value: string; readonly modRevision: bigint }>();
  #revision = 1n;

  answer({ what, key, value, expected }: Step): string {
    if (key === '') return 'INVALID_KEY';
    const found = this.#pairs.get(key);
    if (what === 'get') return `got ${found?.value ?? 'nothing'}`;
    const modRevision = found?.modRevision ?? 0n;
    if (expected !== undefined && expected !== modRevision) return `found ${modRevision}`;
    if (what === 'put' || found !== undefined) this.#revision++;
    if (what === 'delete') return `deleted ${this.#pairs.delete(key) ? 1 : 0}`;
    this.#pairs.set(key, { value, modRevision: this.#revision });
    return `put ${this.#revision}`;
  }
}

function show({ kind }: OperationResult): string {
  if (kind?.$case === 'error') return kind.value.code;
  if (kind?.$case === 'put' || kind?.$case === 'delete') {
    const { foundModRevision } = kind.value;
    if (foundModRevision !== undefined) return `found ${foundModRevision}`;
    return kind.$case === 'put' ? `put ${kind.value.revision}` : `deleted ${kind.value.deleted}`;
  }
  if (kind?.$case !== 'get') return '';
  return `got ${kind.value.pair === undefined ? 'nothing' : decodeUtf8(kind.value.pair.value)}`;
}

describe('BatchRun', () => {
  it('answers as a naive store to which the operations are done one by one', async () => {
    const batches = fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const member = new MapMember();
        const store = new NaiveStore();
        const context = batchContext();
        for (const steps of all) {
          const request = BatchRequest.encode({ operations: steps.map(toOperation) }).finish();
          const run = new BatchRun({ member, limits: makeApiLimits(), turns: new GetTurns() }, context);
          const response = encodeBatchResponse(await run.run(decodeBatchRequest(request, makeApiLimits())));
          const { results } = BatchResponse.decode(response);
          assert.deepEqual(
            results.map(show),
            steps.map((each) => store.answer(each)),
          );
        }
      }),
    );
  });
});
