import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareBytes } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import { Prng, randomInt, type RandomSource } from '../base/prng.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import type { Command, KeyValue } from './command.js';
import { encodeCommandBatch } from './command-codec.js';
import { stateDefaults } from './keys/limits.js';
import { StateMachine, type AppliedEntry } from './state-machine.js';
import { initialState } from './testing/initial-state.js';

function newMachine(): { machine: StateMachine; backend: MemoryBackend } {
  const backend = new MemoryBackend();
  return { backend, machine: StateMachine.initialise(backend, initialState, { index: 1, term: 1 }) };
}

let sequence = 0;
function apply(machine: StateMachine, ...commands: Command[]): AppliedEntry {
  const data = encodeCommandBatch({ proposer: 3n, sequence: ++sequence, commands });
  const applied = machine.apply({ term: 1, index: machine.applied.index + 1, type: 'normal', data });
  machine.commit();
  assert.ok(applied !== undefined);
  return applied;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const put = (key: string, value: string): Command => ({
  type: 'put',
  key: bytes(key),
  value: bytes(value),
  lease: 0n,
  previous: true,
});
const remove = (key: string, end?: string): Command => ({
  type: 'delete-range',
  key: bytes(key),
  end: end === undefined ? undefined : bytes(end),
  previous: true,
});

function pair(item: KeyValue): object {
  const { createRevision, modRevision, version } = item;
  return {
    key: Buffer.from(item.key).toString('latin1'),
    value: Buffer.from(item.value).toString('latin1'),
    createRevision,
    modRevision,
    version,
  };
}

describe('the revisioned key space', () => {
  it('counts revisions and versions as etcd does', () => {
    const { machine } = newMachine();
    assert.equal(machine.revision, 1);
    apply(machine, put('a', '1'));
    assert.equal(machine.revision, 2, 'the first write makes revision 2');
    apply(machine, put('a', '2'));
    apply(machine, remove('nothing'));
    assert.equal(machine.revision, 3, 'deleting nothing makes no revision');
    apply(machine, remove('a'));
    apply(machine, put('a', '3'));
    const { items } = machine.range({ key: bytes('a'), revision: 0, limit: 0 });
    assert.deepEqual(items.map(pair), [
      { key: 'a', value: '3', createRevision: 5, modRevision: 5, version: 1 },
    ]);
  });

  it('answers with what was before', () => {
    const { machine } = newMachine();
    apply(machine, put('a', '1'), put('b', '1'));
    const { batch } = apply(machine, put('a', '2'), remove('a', 'c'));
    const [first, second] = batch!.results;
    assert.equal(first?.type === 'put' && Buffer.from(first.previous!.value).toString(), '1');
    assert.equal(second?.type === 'delete-range' && second.deletedCount, 2);
  });

  it('puts and deletes under a condition, compared when the entry is applied', () => {
    const { machine } = newMachine();
    const putIf = (key: string, value: string, expectedModRevision: number): Command => {
      return { ...put(key, value), expectedModRevision } as Command;
    };
    const removeIf = (key: string, expectedModRevision: number): Command => {
      return { ...remove(key), expectedModRevision } as Command;
    };
    const { batch } = apply(
      machine,
      ...[putIf('a', '1', 0), putIf('a', '2', 0), putIf('a', '2', 2), putIf('a', '3', 99)],
      ...[removeIf('a', 2), removeIf('b', 0), removeIf('b', 7), removeIf('a', 3), putIf('a', '4', 3)],
    );
    assert.deepEqual(
      batch!.results.map((result) =>
        result.type === 'not-expected'
          ? `not expected, ${result.modRevision} @${result.revision}`
          : `${result.type} @${result.revision}`,
      ),
      [
        'put @2',
        'not expected, 2 @2',
        'put @3',
        'not expected, 3 @3',
        'not expected, 3 @3',
        'delete-range @3',
        'not expected, 0 @3',
        'delete-range @4',
        'not expected, 0 @4',
      ],
    );
    assert.equal(machine.revision, 4, 'a failed comparison makes no revision');
    const past = machine.range({ key: bytes('\0'), end: bytes('\0'), revision: 3, limit: 0 });
    assert.deepEqual(past.items.map(pair), [
      { key: 'a', value: '2', createRevision: 2, modRevision: 3, version: 2 },
    ]);
  });

  it('is left as it was by a failed comparison', () => {
    const [left, right] = [newMachine(), newMachine()];
    for (const { machine } of [left, right]) apply(machine, put('a', '1'));
    apply(left.machine, { ...put('a', '2'), expectedModRevision: 1 } as Command);
    apply(right.machine);
    assert.equal(left.machine.hash(), right.machine.hash());
  });

  it('reads the past down to the compacted revision, and says why not further', () => {
    const { machine } = newMachine();
    for (const value of ['1', '2', '3', '4']) apply(machine, put('a', value));
    apply(machine, { type: 'compact', revision: 4 });
    const at = (revision: number): string =>
      Buffer.from(machine.range({ key: bytes('a'), revision, limit: 0 }).items[0]!.value).toString();
    assert.equal(at(4), '3', 'reading exactly at the compacted revision is allowed');
    const code = (expected: string) => (error: unknown) =>
      error instanceof KvorumError && error.code === expected;
    assert.throws(() => at(3), code('REVISION_COMPACTED'));
    assert.throws(() => at(99), code('REVISION_IN_FUTURE'));
    const refused = apply(machine, { type: 'compact', revision: 4 }, { type: 'compact', revision: 9 });
    assert.deepEqual(
      refused.batch!.results.map((result) => result.type === 'refused' && result.code),
      ['REVISION_COMPACTED', 'REVISION_IN_FUTURE'],
    );
  });

  it('keeps keys of any bytes and up to 64 KiB apart', () => {
    const { machine } = newMachine();
    const keys = [
      '\0',
      '\0\0',
      '\0\x01',
      '\0ÿ',
      'a',
      'a\0',
      'a\0b',
      'aÿ',
      'ÿ',
      '\0'.repeat(65_536),
      'k'.repeat(65_536),
    ];
    for (const round of ['old', 'new'])
      for (const key of keys) apply(machine, put(key, `${round}${key.length}`));
    const past = machine.range({ key: bytes('\0'), end: bytes('\0'), revision: keys.length + 1, limit: 0 });
    assert.deepEqual(
      past.items.map((item) => Buffer.from(item.key).toString('latin1')),
      [...keys].sort(),
    );
    assert.ok(past.items.every((item) => Buffer.from(item.value).toString().startsWith('old')));
  });
});

type History = Map<string, { revision: number; value: string | undefined }[]>;

/** Often the same one, so that it gets many versions. */
function randomKey(random: RandomSource): string {
  if (randomInt(random, 2) === 0) return 'often';
  let key = '';
  for (let count = 1 + randomInt(random, 3); count > 0; count--)
    key += ['\0', 'a', 'b', 'ÿ'][randomInt(random, 4)]!;
  return key;
}

/** Some are so long that a few of them fill a segment of the revision log, and some do so alone. */
function randomValue(random: RandomSource): string {
  const kind = randomInt(random, 16);
  const sizeBytes = kind === 0 ? stateDefaults.revisionSegmentSizeBytesMax + 1 : kind < 4 ? 3000 : 0;
  return String(randomInt(random, 1000)).padEnd(sizeBytes, '.');
}

/** The naive twin: all versions of all keys, in lists. */
function expected(history: History, key: string, end: string, revision: number): string[] {
  return [...history]
    .filter(([each]) => each >= key && (end === '\0' || each < end))
    .sort(([left], [right]) => compareBytes(bytes(left), bytes(right)))
    .flatMap(([each, versions]) => {
      const value = versions.filter((version) => version.revision <= revision).at(-1)?.value;
      return value === undefined ? [] : [`${each}=${value}`];
    });
}

/** Each change from `revision` on: key, what it became, what it was. */
function expectedEvents(history: History, revision: number): string[] {
  return [...history]
    .flatMap(([key, versions]) =>
      versions.map((version, at) => ({ key, ...version, before: versions[at - 1]?.value })),
    )
    .filter((change) => change.revision >= revision)
    .sort((left, right) => left.revision - right.revision || compareBytes(bytes(left.key), bytes(right.key)))
    .map(({ key, revision: at, value, before }) => `${at} ${key}: ${before} > ${value}`);
}

function eventsOf(machine: StateMachine): string[] {
  const text = (pair: KeyValue | undefined): string | undefined =>
    pair === undefined ? undefined : Buffer.from(pair.value).toString('latin1');
  return [...machine.keys.changesSince(Math.max(machine.compactRevision, 0))].map((event) => {
    const key = Buffer.from(event.key).toString('latin1');
    return `${event.place.revision} ${key}: ${text(event.previous)} > ${text(event.current)}`;
  });
}

function act(machine: StateMachine, history: History, random: RandomSource): void {
  const key = randomKey(random);
  const kind = randomInt(random, 10);
  if (kind < 6) {
    const value = randomValue(random);
    apply(machine, put(key, value));
    history.set(key, [...(history.get(key) ?? []), { revision: machine.revision, value }]);
  } else if (kind < 9) {
    const end = randomKey(random);
    const before = expected(history, key, end, Infinity);
    apply(machine, remove(key, end));
    for (const each of before) {
      history
        .get(each.slice(0, each.lastIndexOf('=')))!
        .push({ revision: machine.revision, value: undefined });
    }
  } else if (randomInt(random, 3) === 0) {
    const { compactRevision, revision } = machine;
    const further = randomInt(random, Math.max(1, revision - compactRevision + 2));
    apply(machine, { type: 'compact', revision: Math.max(0, compactRevision + further) });
  }
}

describe('the state machine', () => {
  const seeds = process.env.KVORUM_SEED === undefined ? 60 : 1;
  const firstSeed = Number(process.env.KVORUM_SEED ?? 1);

  it(`reads at every revision what a naive twin reads (${seeds} seeds from KVORUM_SEED=${firstSeed})`, () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const random = new Prng(seed);
      const { machine } = newMachine();
      const history: History = new Map();
      for (let step = 0; step < 300; step++) act(machine, history, random);
      assert.deepEqual(eventsOf(machine), expectedEvents(history, machine.compactRevision), `seed ${seed}`);
      for (let read = 0; read < 60; read++) {
        const oldest = Math.max(1, machine.compactRevision);
        const revision = oldest + randomInt(random, machine.revision - oldest + 1);
        const [key, end] = [randomKey(random), randomKey(random)];
        const reverse = randomInt(random, 2) === 0;
        const answer = machine.range({ key: bytes(key), end: bytes(end), revision, limit: 0, reverse });
        const found = answer.items.map(
          (item) =>
            `${Buffer.from(item.key).toString('latin1')}=${Buffer.from(item.value).toString('latin1')}`,
        );
        const wanted = expected(history, key, end, revision);
        assert.deepEqual(found, reverse ? wanted.reverse() : wanted, `seed ${seed}, revision ${revision}`);
        assert.equal(answer.count, found.length);
        const limit = 1 + randomInt(random, 3);
        const query = { key: bytes(key), end: bytes(end), revision, limit, reverse };
        const first = machine.range(query);
        const page = machine.range({ ...query, pageOnly: true });
        assert.equal(first.count, answer.count);
        assert.deepEqual(page.items, first.items);
        assert.deepEqual([page.more, page.count], [found.length > limit, Math.min(limit, found.length)]);
      }
    }
  });

  it('has the same hash on every way to the same index', async () => {
    for (let seed = firstSeed; seed < firstSeed + Math.min(seeds, 20); seed++) {
      const random = new Prng(seed);
      const straight = newMachine();
      const crashing = newMachine();
      let other = crashing;
      const entries = [];
      for (let step = 0; step < 120; step++) {
        const key = randomKey(random);
        const kind = randomInt(random, 10);
        const command: Command =
          kind < 6
            ? put(key, `${step} ${randomValue(random)}`)
            : kind < 9
              ? remove(key, randomKey(random))
              : { type: 'compact', revision: randomInt(random, step + 2) };
        const data = encodeCommandBatch({ proposer: 1n, sequence: step, commands: [command] });
        entries.push({ term: 1, index: step + 2, type: 'normal' as const, data });
        straight.machine.apply(entries.at(-1)!);
        straight.machine.commit();
        other.machine.apply(entries.at(-1)!);
        if (randomInt(random, 3) > 0) other.machine.commit();
        if (randomInt(random, 8) === 0) {
          other.machine.commit();
          await other.backend.flush();
        }
        if (randomInt(random, 10) === 0) {
          const backend = other.backend.crash(randomInt(random, 3));
          other = { backend, machine: new StateMachine(backend) };
          if (backend.applied.index === 0) {
            other.machine = StateMachine.initialise(backend, initialState, { index: 1, term: 1 });
          }
          for (const entry of entries.slice(other.machine.applied.index - 1)) other.machine.apply(entry);
          other.machine.commit();
        }
      }
      other.machine.commit();
      assert.equal(other.machine.hash(), straight.machine.hash(), `seed ${seed}`);
      assert.equal(other.machine.revision, straight.machine.revision);
    }
  });

  it('tells another content by its hash', () => {
    const [left, right] = [newMachine(), newMachine()];
    apply(left.machine, put('a', '1'));
    apply(right.machine, put('a', '2'));
    assert.notEqual(left.machine.hash(), right.machine.hash());
  });
});
