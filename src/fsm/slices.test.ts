import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng, randomInt, type RandomSource } from '../base/prng.js';
import { sliceUnits, Work } from '../base/work.js';
import { tableNames } from '../ports/backend.js';
import { emptyConfig } from '../raft/config-change.js';
import type { Entry } from '../raft/types.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import type { Command } from './command.js';
import { encodeCommandBatch } from './command-codec.js';
import { stateDefaults } from './keys/limits.js';
import { entryName } from './passed-over.js';
import { StateMachine, type AppliedEntry } from './state-machine.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const all = bytes('\0');

function newMachine(): { machine: StateMachine; backend: MemoryBackend } {
  const backend = new MemoryBackend();
  const config = { ...emptyConfig, voters: [1n] };
  const initial = { clusterId: 5n, config, members: [], featureLevel: 1 };
  return { backend, machine: StateMachine.initialise(backend, initial, { index: 1, term: 1 }) };
}

function put(key: string, value = 'v'): Command {
  return { type: 'put', key: bytes(key), value: bytes(value), lease: 0n, previous: false };
}

function removeAll(previous = false): Command {
  return { type: 'delete-range', key: all, end: all, previous };
}

function entryOf(machine: StateMachine, commands: readonly Command[]): Entry {
  const data = encodeCommandBatch({ proposer: 1n, sequence: 1, commands });
  return { term: 1, index: machine.applied.index + 1, type: 'normal', data };
}

/** As a member's loop does, a slice at a time. @param between runs behind each slice but the last */
function applyInSlices(
  machine: StateMachine,
  entry: Entry,
  between: (units: number) => void,
  unitsMax = sliceUnits,
): AppliedEntry {
  for (;;) {
    const work = new Work(unitsMax);
    const applied = machine.apply(entry, work);
    machine.commit();
    if (applied !== undefined) return applied;
    between(work.units);
  }
}

function applyWhole(machine: StateMachine, commands: readonly Command[]): void {
  machine.apply(entryOf(machine, commands));
  machine.commit();
}

function fill(machine: StateMachine, count: number, value = 'v'): void {
  for (let at = 0; at < count; at += 1000) {
    const part = Array.from({ length: Math.min(1000, count - at) }, (_, nth) => put(`key${at + nth}`, value));
    applyWhole(machine, part);
  }
}

function count(machine: StateMachine, revision = 0): number {
  return machine.range({ key: all, end: all, revision, limit: 0, countOnly: true }).count;
}

void test('an entry of very many commands is applied in slices of bounded work', () => {
  const { machine } = newMachine();
  const entry = entryOf(
    machine,
    Array.from({ length: 20_000 }, (_, nth) => put(`key${nth}`)),
  );
  let slices = 0;
  const applied = applyInSlices(machine, entry, (units) => {
    slices++;
    assert.ok(units <= sliceUnits + 2, `${units} units in one slice`);
    assert.equal(machine.applied.index, 1, 'it counts as applied at its end');
  });
  assert.ok(slices >= 20_000 / sliceUnits - 1);
  assert.equal(applied.batch?.results.length, 20_000);
  assert.deepEqual([machine.applied.index, count(machine)], [2, 20_000]);
});

void test('an entry of very many deletions of nothing is too', () => {
  const { machine } = newMachine();
  let slices = 0;
  const entry = entryOf(
    machine,
    Array.from({ length: 4096 }, () => removeAll()),
  );
  const applied = applyInSlices(machine, entry, () => slices++);
  assert.ok(slices >= 4096 / sliceUnits - 1, `${slices} slices`);
  assert.equal(applied.batch?.results.length, 4096);
});

void test('the deletion of many keys has one revision, is seen at once at its end, and holds nobody up', () => {
  const { machine, backend } = newMachine();
  fill(machine, 20_000);
  const { revision } = machine;
  const before = machine.hash();
  const entry = entryOf(machine, [removeAll()]);
  let slices = 0;
  const applied = applyInSlices(machine, entry, (units) => {
    assert.ok(units <= sliceUnits + 3, `${units} units in one slice`);
    if (++slices % 50 !== 1) return;
    assert.equal(machine.revision, revision);
    assert.equal(count(machine), 20_000);
    assert.equal(machine.range({ key: bytes('key7'), revision: 0, limit: 1 }).items.length, 1);
    assert.equal(machine.hash(), before, 'what nobody may see yet is not summed up');
    assert.ok(backend.unflushedCommits > slices, 'what is done goes to disk as it goes on');
  });
  assert.ok(slices > 100);
  assert.deepEqual(applied.batch?.results, [
    { type: 'delete-range', revision: revision + 1, deletedCount: 20_000, previous: [] },
  ]);
  assert.equal(machine.revision, revision + 1);
  assert.deepEqual([count(machine), count(machine, revision)], [0, 20_000]);
});

void test('whoever reads while keys are being deleted gets whole values', async () => {
  const { machine, backend } = newMachine();
  const value = 'v'.repeat(2 * stateDefaults.pastValueSizeBytesMax);
  fill(machine, 20, value);
  await backend.flush();
  const entry = entryOf(machine, [removeAll()]);
  assert.equal(machine.apply(entry, new Work(20)), undefined);
  machine.commit();
  const answer = machine.read({ key: all, end: all, revision: 0, limit: 0 }).step(Work.unbounded());
  assert.deepEqual(
    answer?.items.map((item) => item.value.length),
    Array.from({ length: 20 }, () => value.length),
  );
});

/** As a snapshot of another member does, which has applied what is under way here. */
async function install(machine: StateMachine, backend: MemoryBackend, other: MemoryBackend): Promise<void> {
  const replacement = await backend.beginInstall();
  const rows = tableNames.flatMap((table) => [...other.range(table, {})].map((row) => ({ table, ...row })));
  await replacement.add(rows);
  await replacement.prepare({ index: machine.applied.index + 1, term: 1 }, rows.length);
  await replacement.activate(() => machine.reload());
}

void test('what was half done is forgotten when a snapshot replaces it', async () => {
  const limits = { ...stateDefaults, previousSizeBytesMax: 20_000 };
  const other = newMachine();
  applyWhole(other.machine, [put('a', 'v'.repeat(30_000))]);
  const batch = Array.from({ length: 1000 }, (_, nth) => put(`b${nth}`));
  for (const halfDone of [[removeAll()], [removeAll(true)], batch]) {
    const { backend } = newMachine();
    const machine = new StateMachine(backend, limits);
    fill(machine, 150, '');
    await backend.flush();
    assert.equal(machine.apply(entryOf(machine, halfDone), new Work(100)), undefined);
    machine.commit();
    await install(machine, backend, other.backend);
    const { batch: answer } = applyInSlices(machine, entryOf(machine, [removeAll(true), put('z')]), () => {});
    const [refused] = answer!.results;
    assert.ok(refused?.type === 'refused' && refused.code === 'LIMIT_EXCEEDED');
    assert.deepEqual([answer!.results.length, count(machine)], [2, 2]);
  }
});

void test('a deletion is refused before it begins if its answer would be too large', () => {
  const { machine } = newMachine();
  fill(machine, 40, 'v'.repeat(stateDefaults.previousSizeBytesMax / 32));
  const before = machine.hash();
  const { batch } = applyInSlices(machine, entryOf(machine, [removeAll(true), put('z')]), () => {});
  const [refused] = batch!.results;
  assert.ok(refused?.type === 'refused' && refused.code === 'LIMIT_EXCEEDED');
  assert.match(refused.message, /previousSizeBytesMax/);
  assert.equal(count(machine), 41);
  applyWhole(machine, [removeAll()]);
  assert.notEqual(machine.hash(), before);
  assert.equal(count(machine), 0);
});

void test('an entry that is passed over half-way leaves a revision of what it has done', () => {
  const { machine, backend } = newMachine();
  fill(machine, 3000);
  const entry = entryOf(machine, [removeAll()]);
  assert.equal(machine.apply(entry, new Work()), undefined);
  machine.commit();
  const { revision } = machine;
  const named = { index: entry.index, term: 1, checksum: entryName(entry).checksum, tried: true };
  const again = new StateMachine(backend.crash(Infinity), undefined, [named]);
  assert.deepEqual([again.revision, count(again)], [revision, 3000]);
  again.apply(entry);
  again.commit();
  assert.equal(again.revision, revision + 1);
  assert.ok(count(again) > 0 && count(again) < 3000);
  assert.equal(count(again, revision), 3000);
});

function someCommands(random: RandomSource): Command[] {
  const key = (): string => `key${randomInt(random, 300)}`;
  return Array.from({ length: 1 + randomInt(random, 120) }, (): Command => {
    if (randomInt(random, 12) > 0) return put(key(), 'v'.repeat(randomInt(random, 40)));
    const [start, end] = [key(), key()].sort();
    const previous = randomInt(random, 2) === 0;
    return { type: 'delete-range', key: bytes(start!), end: bytes(end!), previous };
  });
}

void test('the deletion of long keys is done in slices of few', () => {
  const { machine } = newMachine();
  const count = 40;
  for (let at = 0; at < count; at++)
    applyWhole(machine, [put(String.fromCharCode(at + 1).repeat(64 * 1024))]);
  let slices = 1;
  applyInSlices(machine, entryOf(machine, [removeAll()]), () => slices++, 2048);
  assert.ok(slices >= count / 4, `${slices} slices`);
});

void test('slices, crashes between them and reads make no difference to what an entry does', () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`replay with KVORUM_SEED=${seed}`);
  const random = new Prng(BigInt(seed));
  const whole = newMachine().machine;
  let { machine, backend } = newMachine();
  for (let round = 0; round < 150; round++) {
    const commands = someCommands(random);
    const entry = entryOf(whole, commands);
    const expected = whole.apply(entry);
    whole.commit();
    let applied: AppliedEntry | undefined;
    let crashed = false;
    while (applied === undefined) {
      applied = machine.apply(entry, new Work(1 + randomInt(random, 40)));
      if (randomInt(random, 3) > 0) machine.commit();
      if (applied !== undefined) break;
      if (randomInt(random, 20) === 0) {
        backend = backend.crash(backend.unflushedCommits);
        machine = new StateMachine(backend);
        crashed = true;
        assert.equal(machine.applied.index, entry.index - 1);
      }
    }
    machine.commit();
    if (!crashed) assert.deepEqual(applied, expected);
    assert.equal(machine.hash(), whole.hash(), `round ${round}`);
  }
});
