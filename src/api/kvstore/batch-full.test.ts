import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../base/bytes.js';
import { makeApiLimits } from '../limits.js';
import { batchContext } from '../testing/batch-context.js';
import { MapMember } from '../testing/map-member.js';
import { BatchRun } from './batch.js';
import type { BatchOperation } from './batch-request.js';
import { GetTurns } from './get-turns.js';

const narrow = makeApiLimits({ keySizeBytesMax: 1, valueSizeBytesMax: 9, responseSizeBytesMax: 30 });
const wide = makeApiLimits();

function put(key: string, value: string): BatchOperation {
  const bytes = { key: encodeUtf8(key), value: encodeUtf8(value) };
  return { type: 'put', ...bytes, lease: 0n, previous: false, expectedModRevision: undefined };
}

function get(key: string): BatchOperation {
  return { type: 'get', key: encodeUtf8(key), serializable: false };
}

/** What became of each: its type, or its error's code. */
async function run(member: MapMember, operations: readonly BatchOperation[], limits = narrow) {
  const results = await new BatchRun({ member, limits, turns: new GetTurns() }, batchContext()).run(
    operations,
  );
  return results.map((result) => (result.type === 'error' ? result.code : result.type));
}

describe('a Batch whose response is full', () => {
  it('reads no further value', async () => {
    const member = new MapMember();
    await run(member, [put('a', '123456789')]);
    let readCount = 0;
    const rangeLocal = member.rangeLocal.bind(member);
    member.rangeLocal = (query) => {
      readCount += 1;
      return rangeLocal(query);
    };
    const gets = Array.from({ length: 100 }, () => get('a'));
    const full = Array<string>(97).fill('LIMIT_EXCEEDED');
    assert.deepEqual(await run(member, gets), ['get', 'get', 'get', ...full]);
    assert.equal(readCount, 4);
  });

  it('does nothing later: the gets that are asked for again must not see it', async () => {
    const member = new MapMember();
    await run(member, [put('a', '123456789')]);
    const gets = Array.from({ length: 4 }, () => get('a'));
    const results = await run(member, [put('b', 'early'), ...gets, put('', ''), put('a', 'late')]);
    const got = ['put', 'get', 'get', 'get'];
    assert.deepEqual(results, [...got, 'LIMIT_EXCEEDED', 'INVALID_KEY', 'LIMIT_EXCEEDED']);
    const query = { key: encodeUtf8('a'), revision: 0, limit: 1 };
    assert.equal(member.rangeLocal(query).items[0]?.version, 1);
  });

  it('answers one value though it is larger than a response may be: the limits were wider before', async () => {
    const member = new MapMember();
    await run(member, [put('a', 'x'.repeat(31))], wide);
    assert.deepEqual(await run(member, [get('b'), get('a'), get('a')]), ['get', 'get', 'LIMIT_EXCEEDED']);
  });
});
