import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { encodeConfigChange } from '../raft/config-change.js';
import { indexMax, termMax } from '../raft/plausible.js';
import type { Entry } from '../raft/types.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import { encodeCommandBatch } from './command-codec.js';
import { entryName, formatEntryName, parseEntryName, type PassedOver } from './passed-over.js';
import { StateMachine } from './state-machine.js';
import { initialState } from './testing/initial-state.js';

const poison: Entry = { index: 2, term: 1, type: 'normal', data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) };

function machineWith(...passedOver: PassedOver[]): StateMachine {
  const backend = new MemoryBackend();
  StateMachine.initialise(backend, initialState, { index: 1, term: 1 });
  return new StateMachine(backend, undefined, passedOver);
}

function put(index: number): Entry {
  const command = {
    type: 'put',
    key: encodeUtf8('k'),
    value: encodeUtf8('v'),
    lease: 0n,
    previous: false,
  } as const;
  const data = encodeCommandBatch({ proposer: 1n, sequence: index, commands: [command] });
  return { index, term: 1, type: 'normal', data };
}

describe('an entry that is passed over', () => {
  it('does nothing, and what follows is applied', () => {
    const machine = machineWith({ ...entryName(poison), tried: true });
    assert.deepEqual(machine.apply(poison), { membershipChanged: false });
    machine.commit();
    machine.apply(put(3));
    machine.commit();
    assert.equal(machine.revision, 2);
    assert.equal(machine.applied.index, 3);
  });

  it('is that one and no other', () => {
    const named = { ...entryName(poison), tried: true };
    for (const other of [
      { ...poison, term: 2 },
      { ...poison, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 8) },
    ]) {
      assert.throws(() => machineWith(named).apply(other), { code: 'ENTRY_NOT_APPLICABLE' });
    }
    assert.ok(!machineWith(named).passesOver({ ...poison, index: 3 }));
    assert.ok(!machineWith(named).passesOver({ ...poison, type: 'empty' }));
  });

  it('that was not seen to fail is applied after all if it can be', () => {
    const entry = put(2);
    assert.ok(!machineWith({ ...entryName(entry), tried: false }).passesOver(entry));
    assert.ok(machineWith({ ...entryName(poison), tried: false }).passesOver(poison));
  });

  it('shows in the hash of the state', () => {
    const [one, other] = [machineWith({ ...entryName(put(2)), tried: true }), machineWith()];
    one.apply(put(2));
    other.apply({ index: 2, term: 1, type: 'empty', data: new Uint8Array(0) });
    assert.equal(one.revision, other.revision);
    assert.notEqual(one.hash(), other.hash());
  });

  it('changes the configuration all the same, which Raft has taken over before', () => {
    const data = encodeConfigChange({
      changes: [{ kind: 'add-learner', id: 2n }],
      context: Uint8Array.of(9),
    });
    const entry: Entry = { index: 2, term: 1, type: 'config', data };
    const machine = machineWith({ ...entryName(entry), tried: true });
    assert.deepEqual(machine.apply(entry), { membershipChanged: true });
    assert.deepEqual(machine.config.learners, [2n]);
    assert.equal(machine.members().length, 1);
  });

  it('has a name that can be written down', () => {
    const name = entryName(poison);
    assert.deepEqual(parseEntryName(formatEntryName(name)), name);
    assert.match(formatEntryName({ ...name, checksum: 10 }), /^2:1:0000000a$/);
    const whole = /^must be INDEX:TERM:CHECKSUM, not /;
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['', whole],
      ['2', whole],
      ['2:1', whole],
      ['2:1:0000000a:1', whole],
      ['2:1:xyz', /CHECKSUM eight hex digits/],
      ['2:1:0000000A', /CHECKSUM eight hex digits/],
      ['2:1:0000000a ', /CHECKSUM eight hex digits/],
      ['0:1:0000000a', /INDEX a whole number from 1/],
      [`${indexMax + 1}:1:0000000a`, /INDEX a whole number/],
      ['99999999999999999:1:0000000a', /INDEX a whole number/],
      [`2:${termMax + 1}:0000000a`, /TERM a whole number/],
      ['2:-1:0000000a', /TERM a whole number/],
    ];
    for (const [text, message] of wrong) {
      assert.throws(() => parseEntryName(text), { name: 'RangeError', message });
    }
    assert.equal(parseEntryName(`${indexMax}:${termMax}:0000000a`).index, indexMax);
  });
});
