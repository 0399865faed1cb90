import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serveMember } from '../api/testing/served-member.js';
import { KvorumError } from '../base/errors.js';
import { connect, type KvorumClient } from './client.js';

/** What callers without types may give. */
type Odd = never;
const odd = (given: unknown): Odd => given as Odd;

function detached(): Uint8Array {
  const bytes = Uint8Array.of(1, 2, 3);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const notTexts: readonly unknown[] = [
  ...[
    undefined,
    null,
    7,
    NaN,
    7n,
    true,
    Symbol('a'),
    {},
    [],
    () => 'a',
    new Uint16Array(2),
    new ArrayBuffer(2),
  ],
  ...[Object.create(Uint8Array.prototype) as unknown, new Proxy(Uint8Array.of(1), {}), new String('a')],
];
const halfPair = 'a\ud800b';
const notWhole: readonly unknown[] = [
  ...[-1, 1.5, NaN, Infinity, -Infinity, 2 ** 60, '1', 1n, null, Symbol('a'), {}, true],
];
const notTimeouts: readonly unknown[] = [
  ...[0, -1, NaN, Infinity, 2 ** 31, '1', 1n, null, Symbol('a'), {}, true],
];
const notObjects: readonly unknown[] = [null, 7, 'options', true, 7n, Symbol('a'), () => {}];
const notSignals: readonly unknown[] = [null, 'signal', {}, 7, true, new AbortController(), Symbol('a')];
const notFlags: readonly unknown[] = [null, 'true', 1, {}, Symbol('a')];
const notIds: readonly unknown[] = [-1n, 2n ** 64n, -(2n ** 63n), 2n ** 100_000n];
const notMembers: readonly unknown[] = ['', undefined, null, 1, 1.5, {}, Symbol('a'), halfPair, ...notIds];

interface Case {
  readonly what: string;
  readonly code: string;
  /** What the message must name. */
  readonly names: string;
  readonly given: readonly unknown[];
  readonly call: (client: KvorumClient, given: Odd) => Promise<unknown>;
}

const cases: readonly Case[] = [
  ...keyCases('get', (client, key) => client.get(key)),
  ...keyCases('getBytes', (client, key) => client.getBytes(key)),
  ...keyCases('getPair', (client, key) => client.getPair(key)),
  ...keyCases('set', (client, key) => client.set(key, '1')),
  ...keyCases('delete', (client, key) => client.delete(key)),
  ...keyCases('compareAndSet', (client, key) => client.compareAndSet(key, 0, '1')),
  ...keyCases('compareAndDelete', (client, key) => client.compareAndDelete(key, 0)),
  ...valueCases('set', (client, value) => client.set('a', value)),
  ...valueCases('compareAndSet', (client, value) => client.compareAndSet('a', 0, value)),
  ...revisionCases('compareAndSet', (client, revision) => client.compareAndSet('a', revision, '1')),
  ...revisionCases('compareAndDelete', (client, revision) => client.compareAndDelete('a', revision)),
  ...optionCases('get', (client, options) => client.get('a', options)),
  ...optionCases('getBytes', (client, options) => client.getBytes('a', options)),
  ...optionCases('getPair', (client, options) => client.getPair('a', options)),
  ...optionCases('set', (client, options) => client.set('a', '1', options)),
  ...optionCases('delete', (client, options) => client.delete('a', options)),
  ...optionCases('compareAndSet', (client, options) => client.compareAndSet('a', 0, '1', options)),
  ...optionCases('compareAndDelete', (client, options) => client.compareAndDelete('a', 0, options)),
  ...optionCases('list', (client, options) => client.list(options).next()),
  ...optionCases('listBytes', (client, options) => client.listBytes(options).next()),
  ...optionCases('listPages', (client, options) => client.listPages(options).next()),
  ...optionCases('members', (client, options) => client.members(options)),
  ...optionCases('status', (client, options) => client.status(undefined, options)),
  ...optionCases('status of one', (client, options) => client.status('127.0.0.1:1', options)),
  ...optionCases('removeMember', (client, options) => client.removeMember('node9', options)),
  ...optionCases('promoteMember', (client, options) => client.promoteMember('node9', options)),
  ...optionCases('updateMember', (client, options) => client.updateMember('node9', '127.0.0.1:1', options)),
  ...optionCases('transferLeadership', (client, options) => client.transferLeadership('node9', options)),
  ...optionCases('join', (client, options) =>
    client.join({ name: 'a', raftAddress: '127.0.0.1:1' }, options),
  ),
  ...listCases(),
  ...memberCases('removeMember', (client, member) => client.removeMember(member)),
  ...memberCases('promoteMember', (client, member) => client.promoteMember(member)),
  ...memberCases('updateMember', (client, member) => client.updateMember(member, '127.0.0.1:1')),
  ...memberCases('transferLeadership', (client, member) => client.transferLeadership(member)).map((each) => ({
    ...each,
    given: each.given.filter((given) => given !== undefined),
  })),
  ...joinCases(),
  {
    ...invalid('updateMember', 'raftAddress', [...notTexts, halfPair]),
    call: (client, address) => client.updateMember('node1', address),
  },
  {
    ...invalid('status', 'endpoint', [
      ...notTexts.slice(1),
      '',
      'localhost',
      'a:0',
      'a:70000',
      'a b:1',
      halfPair,
    ]),
    call: (client, endpoint) => client.status(endpoint),
  },
];

function invalid(what: string, names: string, given: readonly unknown[], code = 'INVALID_REQUEST') {
  return { what, names, given, code };
}

function keyCases(what: string, call: Case['call']): Case[] {
  const given = [...notTexts, halfPair, '', new Uint8Array(0), detached(), 'x'.repeat(65 * 1024)];
  return [{ ...invalid(what, 'key', given, 'INVALID_KEY'), call }];
}

function valueCases(what: string, call: Case['call']): Case[] {
  const given = [...notTexts, halfPair, detached(), 'x'.repeat(1.5 * 1024 * 1024 + 1)];
  return [{ ...invalid(what, 'value', given, 'INVALID_VALUE'), call }];
}

function revisionCases(what: string, call: Case['call']): Case[] {
  return [{ ...invalid(what, 'expectedModRevision', [undefined, ...notWhole]), call }];
}

function optionCases(what: string, call: Case['call']): Case[] {
  const field = (name: string, given: readonly unknown[]): Case => ({
    ...invalid(what, name, given),
    call: (client, value) => call(client, odd({ [name]: value })),
  });
  return [
    { ...invalid(what, 'options', notObjects), call },
    field('timeoutMs', notTimeouts),
    field('signal', notSignals),
    field('serializable', notFlags),
  ];
}

function listCases(): Case[] {
  const field = (name: string, given: readonly unknown[], code?: string): Case => ({
    ...invalid('list', name, given, code),
    call: (client, value) => client.list(odd({ [name]: value })).next(),
  });
  const long = 'x'.repeat(65 * 1024);
  return [
    field('pageSize', [...notWhole, 2 ** 31, 2 ** 40]),
    field('revision', notWhole),
    field('keysOnly', notFlags),
    ...['start', 'end', 'prefix'].map((name) => {
      const given = [...notTexts.slice(1), halfPair, detached()];
      return field(name, name === 'prefix' ? given : [...given, long], 'INVALID_KEY');
    }),
  ];
}

function memberCases(what: string, call: Case['call']): Case[] {
  return [{ ...invalid(what, 'member', notMembers), call }];
}

function joinCases(): Case[] {
  const field = (name: string, given: readonly unknown[]): Case => ({
    ...invalid('join', name, given),
    call: (client, value) => client.join(odd({ name: 'a', raftAddress: '127.0.0.1:1', [name]: value })),
  });
  return [
    { ...invalid('join', 'member', notObjects), call: (client, member) => client.join(member) },
    field('name', [...notTexts, halfPair]),
    field('raftAddress', [...notTexts, halfPair]),
    field('id', [1, null, '1', {}, Symbol('a'), ...notIds]),
  ];
}

describe('odd arguments', () => {
  it('reject with KvorumError that names the field, and the client goes on', async (t) => {
    const { port } = await serveMember(t);
    const client = connect({ endpoints: `127.0.0.1:${port}` });
    t.after(() => client.close());
    for (const { what, code, names, given, call } of cases) {
      for (const [nth, each] of given.entries()) {
        const of = `${what}, ${names} ${nth} (${typeof each})`;
        // Never thrown at once, not by generators either.
        const called = call(client, odd(each));
        await called.then(
          () => assert.fail(`${of} was taken`),
          (error: unknown) => {
            if (!(error instanceof KvorumError)) throw new Error(of, { cause: error });
            assert.equal(error.code, code, `${of}: ${error.message}`);
            assert.ok(error.message.includes(names) && error.message.length < 300, `${of}: ${error.message}`);
          },
        );
      }
    }
    await client.set('a', '1');
    assert.equal(await client.get('a'), '1');
    assert.equal((await client.members()).members.length, 1);
  });

  it('are refused by connect', () => {
    const endpoints = '127.0.0.1:1';
    const given: readonly unknown[] = [
      ...[...notObjects, undefined, {}, { endpoints: [] }, { endpoints: [7] }, { endpoints: Symbol('a') }],
      ...[{ endpoints: null }, { endpoints: Array.from({ length: 101 }, (_, nth) => `a:${nth + 1}`) }],
      ...notTimeouts
        .map((timeoutMs) => ({ endpoints, timeoutMs }))
        .filter(({ timeoutMs }) => timeoutMs !== null),
      ...notWhole.map((max) => ({ endpoints, limits: { operationsPerBatchMax: max } })),
      ...[0, -1, 1.5, NaN, '1', 1n, Symbol('a'), {}].map((tries) => ({ endpoints, connectTriesMax: tries })),
      ...[7, 'limits', Symbol('a'), null].map((limits) => ({ endpoints, limits })),
    ];
    for (const [nth, options] of given.entries()) {
      assert.throws(
        () => connect(odd(options)),
        (error: unknown) => error instanceof KvorumError && error.code === 'INVALID_REQUEST',
        `${nth}`,
      );
    }
  });

  it('do not tell what a signal is by where it comes from', async (t) => {
    const { port } = await serveMember(t);
    const client = connect({ endpoints: `127.0.0.1:${port}` });
    t.after(() => client.close());
    const foreign = Object.assign(new EventTarget(), { aborted: false });
    const read = client.get('a', { signal: odd(foreign) });
    assert.equal(await read, undefined);
  });
});
