import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import {
  BatchRequest,
  BatchResponse,
  RangeRequest,
  RangeResponse,
  type Operation,
  type OperationResult,
} from '../../generated/kvorum.js';
import { makeApiLimits } from '../limits.js';
import { failsWith } from '../testing/errors.js';
import { batchContext } from '../testing/batch-context.js';
import { MapMember } from '../testing/map-member.js';
import {
  serveMember,
  type RawClient,
  type ServedMember,
  type ServeOptions,
} from '../testing/served-member.js';
import { BatchRun } from './batch.js';
import { decodeBatchRequest } from './batch-request.js';
import { encodeBatchResponse } from './batch-response.js';
import { GetTurns } from './get-turns.js';

function put(key: string, value: string): Operation {
  return { kind: { $case: 'put', value: { key: encodeUtf8(key), value: encodeUtf8(value) } } };
}

function get(key: string, serializable = false): Operation {
  return { kind: { $case: 'get', value: { key: encodeUtf8(key), serializable } } };
}

function remove(key: string): Operation {
  return { kind: { $case: 'delete', value: { key: encodeUtf8(key) } } };
}

function putIf(key: string, value: string, expectedModRevision: bigint): Operation {
  return {
    kind: { $case: 'put', value: { key: encodeUtf8(key), value: encodeUtf8(value), expectedModRevision } },
  };
}

function removeIf(key: string, expectedModRevision: bigint): Operation {
  return { kind: { $case: 'delete', value: { key: encodeUtf8(key), expectedModRevision } } };
}

async function batch(client: RawClient, ...operations: Operation[]): Promise<OperationResult[]> {
  const bytes = BatchRequest.encode({ operations }).finish();
  return BatchResponse.decode(await client.call('/kvorum.v1.Store/Batch', bytes)).results;
}

/** A result in a line: what it is and what matters of it. */
function show({ kind }: OperationResult): string {
  switch (kind?.$case) {
    case 'put':
      return `put @${kind.value.revision}${showFound(kind.value.foundModRevision)}`;
    case 'delete':
      return `delete ${kind.value.deleted} @${kind.value.revision}${showFound(kind.value.foundModRevision)}`;
    case 'get':
      return kind.value.pair === undefined ? 'none' : `got ${decodeUtf8(kind.value.pair.value)}`;
    case 'error':
      return `error ${kind.value.code}: ${kind.value.message}`;
    case undefined:
      return 'nothing';
  }
}

function showFound(modRevision: bigint | undefined): string {
  return modRevision === undefined ? '' : `, found ${modRevision}`;
}

async function range(client: RawClient, wanted: Partial<RangeRequest>): Promise<RangeResponse> {
  const none = new Uint8Array(0);
  const zero = { start: none, end: none, limit: 0, revision: 0n, keysOnly: false, serializable: false };
  const bytes = RangeRequest.encode({ ...zero, ...wanted }).finish();
  return RangeResponse.decode(await client.call('/kvorum.v1.Store/Range', bytes));
}

function keys({ pairs }: RangeResponse): string[] {
  return pairs.map(({ key }) => decodeUtf8(key));
}

async function filled(t: TestContext, options?: ServeOptions): Promise<ServedMember> {
  const served = await serveMember(t, options);
  await batch(served.client, ...['a', 'b', 'c', 'd', 'e'].map((key) => put(key, `value of ${key}`)));
  return served;
}

describe('kvorum.v1.Store/Batch', () => {
  it('gives each operation its result, in order', async (t) => {
    const { client } = await serveMember(t);
    const results = await batch(
      client,
      ...[
        put('a', '1'),
        put('b', '2'),
        get('a'),
        put('a', '3'),
        get('a'),
        remove('a'),
        remove('a'),
        get('a'),
      ],
    );
    assert.deepEqual(results.map(show), [
      'put @2',
      'put @3',
      'got 1',
      'put @4',
      'got 3',
      'delete 1 @5',
      'delete 0 @5',
      'none',
    ]);
    const [result] = await batch(client, get('b'));
    const pair = result?.kind?.$case === 'get' ? result.kind.value.pair : undefined;
    assert.deepEqual([pair?.createRevision, pair?.modRevision, pair?.version], [3n, 3n, 1n]);
  });

  it('writes under a condition, and tells the mod revision that was found', async (t) => {
    const { client } = await serveMember(t);
    const results = await batch(
      client,
      ...[putIf('a', '1', 0n), putIf('a', '2', 0n), putIf('a', '3', 2n), get('a'), removeIf('a', 2n)],
      ...[removeIf('b', 0n), removeIf('b', 3n), removeIf('a', 3n), putIf('a', '4', 3n), get('a')],
    );
    assert.deepEqual(results.map(show), [
      ...['put @2', 'put @2, found 2', 'put @3', 'got 3', 'delete 0 @3, found 3'],
      ...['delete 0 @3', 'delete 0 @3, found 0', 'delete 1 @4', 'put @4, found 0', 'none'],
    ]);
  });

  it('takes every revision as a condition, and nothing else', async (t) => {
    const { client } = await serveMember(t);
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    const results = await batch(
      client,
      ...[putIf('a', '1', -1n), removeIf('a', most + 1n), putIf('a', '1', most), removeIf('a', most)],
    );
    assert.deepEqual(results.map(show), [
      'error INVALID_REQUEST: expected_mod_revision cannot be a revision: -1',
      'error INVALID_REQUEST: expected_mod_revision cannot be a revision: 9007199254740992',
      'put @1, found 0',
      'delete 0 @1, found 0',
    ]);
  });

  it('takes bytes that are no UTF-8', async (t) => {
    const { client } = await serveMember(t);
    const [key, value] = [Uint8Array.of(0xff, 0), Uint8Array.of(0xfe)];
    await batch(client, { kind: { $case: 'put', value: { key, value } } });
    const page = await range(client, {});
    assert.deepEqual(
      page.pairs.map((pair) => [...pair.key, ...pair.value]),
      [[0xff, 0, 0xfe]],
    );
  });

  it('refuses one operation and serves the others', async (t) => {
    const { client } = await serveMember(t, { limits: { keySizeBytesMax: 4, valueSizeBytesMax: 4 } });
    const results = await batch(
      client,
      ...[
        put('', 'x'),
        put('key5+', 'x'),
        put('k', 'value'),
        { kind: undefined },
        put('k', 'v'),
        get(''),
        get('k'),
      ],
    );
    assert.deepEqual(results.map(show), [
      'error INVALID_KEY: key is empty',
      'error INVALID_KEY: key is 5 bytes long, the limit is 4 (keySizeBytesMax)',
      'error INVALID_VALUE: value is 5 bytes long, the limit is 4 (valueSizeBytesMax)',
      'error INVALID_REQUEST: operations[3] is of no kind that this member knows',
      'put @2',
      'error INVALID_KEY: key is empty',
      'got v',
    ]);
  });

  it('takes up to batchOperationsMax', async (t) => {
    const { client } = await serveMember(t, { limits: { batchOperationsMax: 3 } });
    assert.deepEqual(await batch(client), []);
    assert.equal((await batch(client, get('a'), get('a'), get('a'))).length, 3);
    assert.equal(
      await failsWith(batch(client, get('a'), get('a'), get('a'), get('a')), 'LIMIT_EXCEEDED'),
      'the batch holds 4 operations, the limit is 3 (batchOperationsMax)',
    );
  });

  it('answers gets up to responseSizeBytesMax', async (t) => {
    const limits = { keySizeBytesMax: 1, valueSizeBytesMax: 9, responseSizeBytesMax: 30 };
    const { client } = await serveMember(t, { limits });
    await batch(client, put('a', '123456789'), put('b', ''));
    const results = await batch(client, get('a'), get('a'), get('a'), get('b'), get('c'));
    assert.deepEqual(results.map(show), [
      ...['got 123456789', 'got 123456789', 'got 123456789'],
      ...Array<string>(2).fill(
        "error LIMIT_EXCEEDED: the batch's answers would be 31 bytes with one more, the limit is 30 (responseSizeBytesMax)",
      ),
    ]);
  });

  it('waits for a leader and keeps the order', async (t) => {
    const { client, member } = await serveMember(t);
    await batch(client, put('a', 'old'));
    member.loseLeader();
    const answers = batch(client, get('a', true), put('a', 'new'), get('a'), put('b', 'new'));
    await member.untilWaiting(1);
    member.regainLeader();
    assert.deepEqual((await answers).map(show), ['got old', 'put @3', 'got new', 'put @4']);
  });

  it('asks for no room after a step that failed: nobody would hear that there is none', async () => {
    const member = new MapMember();
    member.loseLeader();
    let asked = 0;
    const room = (): Promise<void> => {
      asked++;
      return Promise.reject(new KvorumError('CANCELLED', 'the caller has gone'));
    };
    const context = batchContext({ timeoutMs: 1, room });
    const run = new BatchRun({ member, limits: makeApiLimits(), turns: new GetTurns() }, context);
    const request = BatchRequest.encode({ operations: [put('a', '1'), get('a', true)] }).finish();
    await run.run(decodeBatchRequest(request, makeApiLimits()));
    assert.equal(asked, 0);
  });

  it('does nothing more once it was cut short', async () => {
    const member = new MapMember();
    const gone = new KvorumError('CANCELLED', 'the caller has gone');
    let [asked, cutShort]: [number, Error | undefined] = [0, undefined];
    const context = {
      ...batchContext({ timeoutMs: 1 }),
      get cutShort() {
        return cutShort;
      },
      room: () => {
        asked++;
        cutShort = gone;
        return Promise.reject(gone);
      },
    };
    const gets = Array.from({ length: 500 }, (_, at) => get(`key-${at}`, true));
    const request = BatchRequest.encode({ operations: [...gets, put('a', '1')] }).finish();
    const run = new BatchRun({ member, limits: makeApiLimits(), turns: new GetTurns() }, context).run(
      decodeBatchRequest(request, makeApiLimits()),
    );
    await assert.rejects(run, gone);
    assert.equal(asked, 1);
  });

  it('lets nothing take effect after a step that failed', async () => {
    const member = new MapMember();
    member.loseLeader();
    const context = batchContext({ timeoutMs: 1 });
    const run = new BatchRun({ member, limits: makeApiLimits(), turns: new GetTurns() }, context);
    const operations = [get('a', true), put('a', '1'), put('b', '1'), get('a'), remove('a')];
    const request = BatchRequest.encode({ operations }).finish();
    const response = encodeBatchResponse(await run.run(decodeBatchRequest(request, makeApiLimits())));
    const { results } = BatchResponse.decode(response);
    const noLeader = 'error NO_LEADER: no leader within the time allowed';
    assert.deepEqual(results.map(show), ['none', noLeader, noLeader, noLeader, noLeader]);
  });
});

describe('kvorum.v1.Store/Range', () => {
  it('reads [start, end), and all without bounds', async (t) => {
    const { client } = await filled(t);
    assert.deepEqual(keys(await range(client, {})), ['a', 'b', 'c', 'd', 'e']);
    const some = await range(client, { start: encodeUtf8('b'), end: encodeUtf8('d') });
    assert.deepEqual(keys(some), ['b', 'c']);
    assert.deepEqual(keys(await range(client, { start: encodeUtf8('d') })), ['d', 'e']);
    assert.equal(some.more, false);
    assert.equal(some.revision, 6n);
    assert.equal(decodeUtf8(some.pairs[0]!.value), 'value of b');
  });

  it('reads nothing where the end is not behind the start', async (t) => {
    const { client } = await filled(t);
    for (const end of ['c', 'a', '\0']) {
      const page = await range(client, { start: encodeUtf8('c'), end: encodeUtf8(end) });
      assert.deepEqual([keys(page), page.more, page.revision], [[], false, 6n]);
    }
    assert.deepEqual(keys(await range(client, { end: Uint8Array.of(0) })), []);
  });

  it('ends a page at the limit asked for and at rangePairsMax', async (t) => {
    const { client } = await filled(t, { limits: { rangePairsMax: 3 } });
    const two = await range(client, { limit: 2 });
    assert.deepEqual([keys(two), two.more], [['a', 'b'], true]);
    const three = await range(client, { limit: 4 });
    assert.deepEqual([keys(three), three.more], [['a', 'b', 'c'], true]);
    assert.equal((await range(client, {})).pairs.length, 3);
    const last = await range(client, { start: encodeUtf8('c') });
    assert.deepEqual([keys(last), last.more], [['c', 'd', 'e'], false]);
  });

  it('ends a page at responseSizeBytesMax', async (t) => {
    const limits = { keySizeBytesMax: 1, valueSizeBytesMax: 20, responseSizeBytesMax: 22 };
    const { client } = await filled(t, { limits });
    const two = await range(client, {});
    assert.deepEqual([keys(two), two.more], [['a', 'b'], true]);
  });

  it('reads an old revision, and pages of one', async (t) => {
    const { client } = await filled(t);
    await batch(client, remove('a'));
    assert.deepEqual(keys(await range(client, { revision: 4n })), ['a', 'b', 'c']);
    assert.equal((await range(client, { revision: 4n })).revision, 4n);
    assert.equal((await range(client, {})).revision, 7n);
    await failsWith(range(client, { revision: 8n }), 'REVISION_IN_FUTURE');
    await failsWith(range(client, { revision: 1n << 60n }), 'REVISION_IN_FUTURE');
    await failsWith(range(client, { revision: -1n }), 'INVALID_REQUEST');
    await failsWith(range(client, { limit: -1 }), 'INVALID_REQUEST');
  });

  it('leaves values out when only keys are asked for', async (t) => {
    const { client } = await filled(t);
    const page = await range(client, { keysOnly: true });
    assert.deepEqual(keys(page), ['a', 'b', 'c', 'd', 'e']);
    assert.ok(page.pairs.every(({ value }) => value.length === 0));
  });

  it('takes the key after the longest key as a bound', async (t) => {
    const { client } = await serveMember(t, { limits: { keySizeBytesMax: 4 } });
    await batch(client, put('aaaa', ''), put('aaab', ''));
    assert.deepEqual(keys(await range(client, { start: encodeUtf8('aaaa\0') })), ['aaab']);
    const message = await failsWith(range(client, { end: encodeUtf8('aaaa\0\0') }), 'INVALID_KEY');
    assert.equal(message, 'end is 6 bytes long, the limit is 5 (keySizeBytesMax and a byte)');
  });

  it('reads without a leader if that is allowed', async (t) => {
    const { client, member } = await filled(t);
    member.loseLeader();
    assert.equal((await range(client, { serializable: true })).pairs.length, 5);
  });
});
