import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { serveMember } from '../api/testing/served-member.js';
import { connect } from './client.js';
import type { ClientLimits } from './options.js';
import { codeOf } from './testing/scripted-store.js';

async function serve(t: TestContext, limits: Partial<ClientLimits> = {}) {
  const served = await serveMember(t);
  const client = connect({ endpoints: `127.0.0.1:${served.port}`, limits });
  t.after(() => client.close());
  return { ...served, client };
}

async function all<T>(listed: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const each of listed) seen.push(each);
  return seen;
}

describe('KvorumClient', () => {
  it('sets, gets and deletes text and bytes', async (t) => {
    const { client } = await serve(t);
    const bytes = Uint8Array.of(0, 255, 10);
    assert.equal(await client.get('a'), undefined);
    assert.deepEqual(await client.set('a', 'ä'), { revision: 2 });
    assert.equal(await client.get('a'), 'ä');
    await client.set(bytes, bytes);
    assert.deepEqual(Uint8Array.from((await client.getBytes(bytes))!), bytes);
    assert.equal(await codeOf(client.get(bytes)), 'INVALID_VALUE');
    assert.deepEqual(await client.delete('a'), { revision: 4, deleted: true });
    assert.deepEqual(await client.delete('a'), { revision: 4, deleted: false });
    await client.set('empty', '');
    assert.equal(await client.get('empty'), '');
    const { version, createRevision, modRevision } = (await client.getPair('empty'))!;
    assert.deepEqual([version, createRevision, modRevision], [1, 5, 5]);
  });

  it('compares and sets, and compares and deletes', async (t) => {
    const { client } = await serve(t);
    const made = await client.compareAndSet('a', 0, '1');
    assert.deepEqual(made, { succeeded: true, revision: 2, modRevision: 2 });
    const late = await client.compareAndSet('a', 0, '2');
    assert.deepEqual(late, { succeeded: false, revision: 2, modRevision: 2 });
    await client.set('b', '1');
    const next = await client.compareAndSet('a', late.modRevision, Uint8Array.of(50));
    assert.deepEqual(next, { succeeded: true, revision: 4, modRevision: 4 });
    const pair = await client.getPair('a');
    assert.deepEqual([Buffer.from(pair!.value).toString(), pair!.modRevision], ['2', 4]);
    assert.deepEqual(await client.compareAndDelete('a', 2), {
      succeeded: false,
      revision: 4,
      modRevision: 4,
    });
    assert.deepEqual(await client.compareAndDelete('a', 4), { succeeded: true, revision: 5, modRevision: 0 });
    assert.deepEqual(await client.compareAndDelete('a', 4), {
      succeeded: false,
      revision: 5,
      modRevision: 0,
    });
    assert.deepEqual(await client.compareAndDelete('a', 0), { succeeded: true, revision: 5, modRevision: 0 });
    for (const modRevision of [-1, 0.5, NaN, 2 ** 53]) {
      assert.equal(await codeOf(client.compareAndSet('a', modRevision, '1')), 'INVALID_REQUEST');
      assert.equal(await codeOf(client.compareAndDelete('a', modRevision)), 'INVALID_REQUEST');
    }
    const most = await client.compareAndSet('a', Number.MAX_SAFE_INTEGER, '1');
    assert.deepEqual(most, { succeeded: false, revision: 5, modRevision: 0 });
  });

  it('lets one of many set a key that all saw alike', async (t) => {
    const { client } = await serve(t);
    const rivals = Array.from({ length: 20 }, (_, at) => client.compareAndSet('a', 0, String(at)));
    const winners = (await Promise.all(rivals)).flatMap(({ succeeded }, at) => (succeeded ? [at] : []));
    assert.deepEqual(winners, [0]);
    assert.equal(await client.get('a'), '0');
  });

  it('refuses keys and values that break the rules, alone', async (t) => {
    const { client } = await serve(t);
    const good = client.set('a', '1');
    const bad = [client.set('', '1'), client.set('\ud800', '1'), client.set('a', '\ud800')];
    const codes = await Promise.all(bad.map(codeOf));
    assert.deepEqual(codes, ['INVALID_KEY', 'INVALID_KEY', 'INVALID_VALUE']);
    await good;
    assert.equal(await codeOf(client.set('a', '1', { timeoutMs: 0 })), 'INVALID_REQUEST');
    assert.throws(() => connect({ endpoints: '' }), { code: 'INVALID_REQUEST' });
    assert.throws(() => connect({ endpoints: 'localhost' }), { code: 'INVALID_REQUEST' });
  });

  it('keeps the order of calls on each key, whatever is awaited', async (t) => {
    const { client } = await serve(t, { operationsPerBatchMax: 3, batchesInFlightMax: 3 });
    const call = fc.record({
      kind: fc.constantFrom('get', 'set', 'delete'),
      key: fc.constantFrom('a', 'ä'),
      asBytes: fc.boolean(),
      newTurn: fc.boolean(),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        run += 1;
        const expected = new Map<string, string>();
        const checks: Promise<void>[] = [];
        for (const [nth, { kind, key, asBytes, newTurn }] of calls.entries()) {
          const full = asBytes ? Buffer.from(`${run}-${key}`) : `${run}-${key}`;
          if (kind === 'get') {
            const value = expected.get(key);
            checks.push(client.get(full).then((got) => assert.equal(got, value)));
          } else if (kind === 'set') {
            expected.set(key, `${nth}`);
            checks.push(client.set(full, `${nth}`).then(() => {}));
          } else {
            expected.delete(key);
            checks.push(client.delete(full).then(() => {}));
          }
          if (newTurn) await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(checks);
      }),
      { numRuns: 50 },
    );
  });

  it('lists a range, page by page, at the revision of the first page', async (t) => {
    const { client } = await serve(t);
    await Promise.all(Array.from({ length: 9 }, (_, nth) => client.set(`k${nth}`, `${nth}`)));
    await client.set('other', '1');
    const seen: string[] = [];
    for await (const { key, value } of client.list({ prefix: 'k', pageSize: 2 })) {
      seen.push(`${key}=${value}`);
      await client.delete('k8');
    }
    assert.deepEqual(seen.join(' '), 'k0=0 k1=1 k2=2 k3=3 k4=4 k5=5 k6=6 k7=7 k8=8');
    const some: string[] = [];
    for await (const { key, value } of client.list({ start: 'k2', end: 'k4', keysOnly: true })) {
      some.push(key);
      assert.equal(value, '');
    }
    assert.deepEqual(some, ['k2', 'k3']);
    const prefix = Buffer.from('k3');
    for await (const { key } of client.listBytes({ prefix })) assert.deepEqual(key, prefix);
    assert.equal(prefix.toString(), 'k3');
    for (const listed of [
      client.list({ prefix: 'a', end: 'b' }),
      client.listBytes({ prefix: 'a', end: 'b' }),
    ]) {
      assert.equal(await codeOf(listed.next()), 'INVALID_REQUEST');
    }
  });

  it('ends a listing whose revision is compacted before its end, and says why', async (t) => {
    const { client } = await serve(t);
    for (const key of ['a', 'b', 'c']) await client.set(key, '1');
    const seen: string[] = [];
    const list = async (): Promise<void> => {
      for await (const { key } of client.list({ pageSize: 1 })) {
        seen.push(key);
        await client.set('d', '1');
        await client.compact();
      }
    };
    await assert.rejects(list(), {
      code: 'REVISION_COMPACTED',
      message: /: the listing took longer than.* not whole$/,
    });
    assert.deepEqual(seen, ['a']);
    // Nothing was written since: it is compacted as far as can be.
    assert.equal(await client.compact(), await client.compact());
  });

  it('lists text as get gives it, and names the pair that is none', async (t) => {
    const { client } = await serve(t);
    await client.set('a', 'ä\u0000');
    const [pair] = await all(client.list());
    assert.deepEqual(pair, { key: 'a', value: 'ä\u0000', createRevision: 2, modRevision: 2, version: 1 });
    const bytes = Uint8Array.of(0xff);
    await client.set('b', bytes);
    await assert.rejects(all(client.list()), { code: 'INVALID_VALUE', message: /^the value of "b" is not/ });
    await client.set(bytes, '1');
    await assert.rejects(all(client.list({ start: bytes })), { code: 'INVALID_KEY', message: /listBytes$/ });
    const listed = (await all(client.listBytes())).map(({ key, value }) => [...key, ...value]);
    assert.deepEqual(listed, [
      [97, ...Buffer.from('ä\u0000')],
      [98, 255],
      [255, 49],
    ]);
  });

  it('tells and changes the members', async (t) => {
    const { client, port } = await serve(t);
    const joined = await client.join({ name: 'node2', raftAddress: '127.0.0.1:60052' });
    assert.equal(joined.memberId, 2n);
    const { members } = await client.members();
    assert.deepEqual(
      members.map(({ name, voter, leader }) => [name, voter, leader]),
      [
        ['node1', true, true],
        ['node2', false, false],
      ],
    );
    await client.updateMember('node2', '127.0.0.1:60053');
    assert.equal((await client.members()).members[1]?.raftAddress, '127.0.0.1:60053');
    assert.equal(await codeOf(client.promoteMember(2n)), 'LEARNER_NOT_READY');
    assert.equal(await codeOf(client.transferLeadership('node2')), 'NOT_A_VOTER');
    assert.deepEqual(await client.transferLeadership(), { id: 1n, name: 'node1' });
    await client.removeMember('node2');
    assert.equal(await codeOf(client.removeMember('node2')), 'MEMBER_NOT_FOUND');
    const endpoint = `127.0.0.1:${port}`;
    const asked = [await client.status(), await client.status(endpoint)];
    for (const { name, role, endpoint: from } of asked) {
      assert.deepEqual([name, role, from], ['node1', 'leader', endpoint]);
    }
  });

  it('waits for a leader, and reports when there is none', async (t) => {
    const { client, member } = await serve(t);
    member.loseLeader();
    assert.equal(await codeOf(client.set('a', '1', { timeoutMs: 600 })), 'NO_LEADER');
    assert.equal(await client.get('a', { serializable: true }), undefined);
    const write = client.set('a', '1');
    await member.untilWaiting(1);
    member.regainLeader();
    await write;
  });

  it('holds no process alive', async (t) => {
    const { port } = await serve(t);
    const module = new URL('./index.js', import.meta.url).href;
    const script = `
      const { connect } = await import(${JSON.stringify(module)});
      const client = connect({ endpoints: '127.0.0.1:${port}' });
      await client.set('a', '1');
      console.log(await client.get('a'));
      if (process.argv[1] === 'close') client.close();`;
    for (const how of ['close', 'leave']) {
      const args = ['--input-type=module', '-e', script, how];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
      assert.equal(stdout, '1\n');
    }
  });
});
