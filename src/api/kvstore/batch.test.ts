import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import type { Operation, OperationResult } from '../../generated/kvorum.js';
import { makeApiLimits } from '../limits.js';
import { MapMember } from '../testing/map-member.js';
import { BatchRun } from './batch.js';

interface Step {
  readonly what: 'put' | 'get' | 'delete';
  readonly key: string;
  readonly value: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('put', 'get', 'delete'),
  key: fc.constantFrom('', 'a', 'b', 'c'),
  value: fc.string({ maxLength: 3 }),
});

function toOperation({ what, key, value }: Step): Operation {
  const bytes = encodeUtf8(key);
  switch (what) {
    case 'put':
      return { kind: { $case: 'put', value: { key: bytes, value: encodeUtf8(value) } } };
    case 'get':
      return { kind: { $case: 'get', value: { key: bytes, serializable: false } } };
    case 'delete':
      return { kind: { $case: 'delete', value: { key: bytes } } };
  }
}

/** What a plain Map answers to the step. */
function naive(map: Map<string, string>, { what, key, value }: Step): string {
  if (key === '') return 'INVALID_KEY';
  if (what === 'get') return `got ${map.get(key) ?? 'nothing'}`;
  if (what === 'delete') return `deleted ${map.delete(key) ? 1 : 0}`;
  map.set(key, value);
  return 'put';
}

function show({ kind }: OperationResult): string {
  if (kind?.$case === 'error') return kind.value.code;
  if (kind?.$case === 'delete') return `deleted ${kind.value.deleted}`;
  if (kind?.$case !== 'get') return kind?.$case ?? '';
  return `got ${kind.value.pair === undefined ? 'nothing' : decodeUtf8(kind.value.pair.value)}`;
}

describe('BatchRun', () => {
  it('answers as a Map to which the operations are done one by one', async () => {
    const batches = fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const member = new MapMember();
        const map = new Map<string, string>();
        const context = { signal: new AbortController().signal, timeoutMs: undefined };
        for (const steps of all) {
          const results = await new BatchRun(member, makeApiLimits(), context).run(steps.map(toOperation));
          assert.deepEqual(
            results.map(show),
            steps.map((each) => naive(map, each)),
          );
        }
      }),
    );
  });
});
