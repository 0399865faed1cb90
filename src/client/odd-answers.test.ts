import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import {
  BatchResponse,
  MemberListResponse,
  RangeRequest,
  RangeResponse,
  StatusResponse,
  type OperationResult,
  type Pair,
} from '../generated/kvorum.js';
import { connect, type KvorumClient } from './client.js';
import type { ListOptions } from './listing.js';
import { codeOf } from './testing/scripted-store.js';
import { serveBytes } from './testing/raw-server.js';

async function serve(
  t: TestContext,
  answer: (request: Uint8Array, method: string) => Uint8Array,
): Promise<KvorumClient> {
  const client = connect({ endpoints: await serveBytes(t, answer) });
  t.after(() => client.close());
  return client;
}

const pair = (key: string, numbers: Partial<Pair> = {}): Pair => {
  const bytes = { key: encodeUtf8(key), value: encodeUtf8('v') };
  return { ...bytes, createRevision: 2n, modRevision: 2n, version: 1n, ...numbers };
};
const batchOf = (...results: OperationResult[]): Uint8Array => BatchResponse.encode({ results }).finish();
const putResult = (revision: bigint, foundModRevision?: bigint): OperationResult => ({
  kind: { $case: 'put', value: { revision, foundModRevision } },
});
const getResult = (of: Pair): OperationResult => ({ kind: { $case: 'get', value: { pair: of } } });
const page = (keys: readonly string[], more: boolean, revision = 5n, next = ''): Uint8Array =>
  RangeResponse.encode({
    pairs: keys.map((key) => pair(key)),
    more,
    revision,
    next: encodeUtf8(next),
  }).finish();

/** Of another sign, or of so many bits that a number would lose some. */
const wrongNumbers = [-1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];

describe('odd answers of a server', () => {
  it('are told as INTERNAL when they are garbage, or of a write as unknown', async (t) => {
    let garbage: Uint8Array = new Uint8Array(0);
    const client = await serve(t, () => garbage);
    const groups = new Uint8Array(1024 * 1024).fill(0x0b);
    const samples = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 50 }), { numRuns: 200, seed: 1 });
    for (const bytes of [groups, Uint8Array.of(0x0a, 0xff), ...samples]) {
      garbage = bytes;
      const calls = [
        ...[client.get('a'), client.set('a', '1'), client.members(), client.status(), client.list().next()],
        ...[client.removeMember('a'), client.transferLeadership(), client.compareAndDelete('a', 1)],
      ];
      for (const settled of await Promise.allSettled(calls)) {
        if (settled.status === 'fulfilled') continue;
        assert.ok(settled.reason instanceof KvorumError, String(settled.reason));
        assert.ok(['INTERNAL', 'OUTCOME_UNKNOWN'].includes(settled.reason.code), settled.reason.code);
      }
    }
    garbage = groups;
    assert.equal(await codeOf(client.members()), 'INTERNAL');
  });

  it('are refused with results too few, too many or of another kind', async (t) => {
    let answer = batchOf();
    const client = await serve(t, () => answer);
    const nothing: OperationResult = { kind: undefined };
    for (const results of [[], [putResult(2n), putResult(2n)], [nothing]]) {
      answer = batchOf(...results);
      assert.equal(await codeOf(client.set('a', '1')), 'OUTCOME_UNKNOWN');
      assert.equal(await codeOf(client.get('a')), 'INTERNAL');
    }
    answer = batchOf(putResult(2n));
    assert.equal(await codeOf(client.get('a')), 'INTERNAL');
    assert.equal(await codeOf(client.delete('a')), 'OUTCOME_UNKNOWN');
    answer = batchOf(getResult(pair('a')));
    assert.equal(await codeOf(client.set('a', '1')), 'OUTCOME_UNKNOWN');
    assert.equal(await client.get('a'), 'v');
  });

  it('are refused with numbers that would lose digits', async (t) => {
    let answer = batchOf();
    const client = await serve(t, () => answer);
    for (const wrong of wrongNumbers) {
      for (const result of [putResult(wrong), putResult(2n, wrong)]) {
        answer = batchOf(result);
        assert.equal(await codeOf(client.compareAndSet('a', 1, '1')), 'OUTCOME_UNKNOWN');
      }
      for (const field of ['createRevision', 'modRevision', 'version'] as const) {
        answer = batchOf(getResult(pair('a', { [field]: wrong })));
        await assert.rejects(client.getPair('a'), { code: 'INTERNAL', message: new RegExp(field) });
        answer = RangeResponse.encode({
          pairs: [pair('a', { [field]: wrong })],
          ...{ more: false, revision: 5n, next: new Uint8Array(0) },
        }).finish();
        await assert.rejects(client.list().next(), { code: 'INTERNAL', message: new RegExp(field) });
      }
      answer = page(['a'], false, wrong);
      assert.equal(await codeOf(client.list().next()), 'INTERNAL');
      answer = StatusResponse.encode({ ...StatusResponse.decode(new Uint8Array(0)), term: wrong }).finish();
      await assert.rejects(client.status(), { code: 'INTERNAL', message: /term/ });
    }
    answer = batchOf(getResult(pair('a', { modRevision: 2n ** 53n - 1n })));
    assert.equal((await client.getPair('a'))?.modRevision, Number.MAX_SAFE_INTEGER);
  });

  const pages: readonly (readonly [string, ListOptions, ...Uint8Array[]])[] = [
    ['the same page again', {}, page(['a', 'b'], true), page(['a', 'b'], true)],
    ['the last key again', {}, page(['a', 'b'], true), page(['b', 'c'], true)],
    ['no pairs but more to come', {}, page([], true)],
    ['a next page before the last key', {}, page(['a', 'b'], true, 5n, 'b')],
    ['a next page at the same start', { start: 'b' }, page([], true, 5n, 'b')],
    ['a next page past the end', { end: 'c' }, page(['a'], true, 5n, 'c')],
    ['a key before the page', {}, page(['a'], true, 5n, 'f'), page(['c'], false)],
    ['keys out of order', {}, page(['b', 'a'], false)],
    ['a key twice', {}, page(['a', 'a'], false)],
    ['a key before the start', { start: 'b' }, page(['a', 'b'], false)],
    ['a key past the end', { end: 'b' }, page(['a', 'b'], false)],
    ['a key without the prefix', { prefix: 'a' }, page(['a', 'b'], false)],
    ['a page larger than asked for', { pageSize: 2 }, page(['a', 'b', 'c'], false)],
    ['another revision than asked for', { revision: 4 }, page(['a'], false)],
    ['another revision than the first page', {}, page(['a'], true), page(['b'], false, 6n)],
  ];
  for (const [what, options, ...answers] of pages) {
    it(`end a listing: ${what}`, async (t) => {
      let asked = 0;
      const client = await serve(t, () => answers[asked++] ?? page(['z'], true));
      const walk = async (): Promise<void> => {
        for await (const { key } of client.list(options)) assert.ok(key.length > 0);
      };
      await assert.rejects(walk(), { code: 'INTERNAL', message: /the server's page cannot be right/ });
      assert.equal(asked, answers.length);
    });
  }

  it('leave a listing alone that goes on in order', async (t) => {
    const starts: string[] = [];
    const client = await serve(t, (request) => {
      starts.push(Buffer.from(RangeRequest.decode(request).start).toString());
      return [page(['a', 'b'], true), page(['c'], true), page([], false)][starts.length - 1]!;
    });
    const keys: string[] = [];
    for await (const { key } of client.list({ pageSize: 2 })) keys.push(key);
    assert.deepEqual([keys.join(''), starts], ['abc', ['', 'b\0', 'c\0']]);
  });

  it('leave a listing alone that goes on where the page says, without pairs too', async (t) => {
    const starts: string[] = [];
    const client = await serve(t, (request) => {
      starts.push(Buffer.from(RangeRequest.decode(request).start).toString());
      return [page(['a'], true, 5n, 'c'), page([], true, 5n, 'd\0'), page(['e'], false)][starts.length - 1]!;
    });
    const keys: string[] = [];
    for await (const { key } of client.list({ end: 'f' })) keys.push(key);
    assert.deepEqual([keys.join(''), starts], ['ae', ['', 'c', 'd\0']]);
  });

  it('are refused when they are larger than this client takes', async (t) => {
    const client = connect({
      endpoints: await serveBytes(t, () => MemberListResponse.encode(manyMembers()).finish()),
      limits: { responseSizeBytesMax: 1000 },
    });
    t.after(() => client.close());
    assert.equal(await codeOf(client.members()), 'LIMIT_EXCEEDED');
  });
});

function manyMembers(): MemberListResponse {
  const member = { id: 1n, name: 'x'.repeat(100), raftAddr: '', clientAddr: '', voter: true, leader: false };
  return { clusterId: 1n, members: Array.from({ length: 20 }, () => member) };
}
