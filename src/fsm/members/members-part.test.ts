import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../base/bytes.js';
import { encodeConfigChange } from '../../raft/config-change.js';
import type { Entry } from '../../raft/types.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import type { Command } from '../command.js';
import { encodeCommandBatch } from '../command-codec.js';
import { StateMachine, type AppliedEntry } from '../state-machine.js';
import { initialState } from '../testing/initial-state.js';
import { encodeMembershipUpdate } from './membership-codec.js';

const newer = { min: 1, max: 2 };
const older = { min: 1, max: 1 };

/** A founder, and a learner that was let in and has not been up. */
function newMachine(learnersLevels = newer): { machine: StateMachine; backend: MemoryBackend } {
  const backend = new MemoryBackend();
  const [founder] = initialState.members;
  const members = [{ ...founder!, levels: newer }];
  StateMachine.initialise(backend, { ...initialState, members }, { index: 1, term: 1 }, undefined, newer);
  const machine = new StateMachine(backend, undefined, [], newer);
  const record = {
    ...{ id: 2n, name: 'late', peerAddress: 'late:1', clientAddress: '' },
    ...{ promoteWhenReady: true, levels: learnersLevels },
  };
  const data = encodeConfigChange({
    changes: [{ kind: 'add-learner', id: 2n }],
    context: encodeMembershipUpdate({ type: 'add', record }),
  });
  applyEntry(machine, { type: 'config', data });
  return { machine, backend };
}

function applyEntry(machine: StateMachine, entry: Pick<Entry, 'type' | 'data'>): AppliedEntry {
  const applied = machine.apply({ ...entry, index: machine.applied.index + 1, term: 1 });
  machine.commit();
  assert.ok(applied !== undefined);
  return applied;
}

function apply(machine: StateMachine, ...commands: Command[]): AppliedEntry {
  return applyEntry(machine, {
    type: 'normal',
    data: encodeCommandBatch({ proposer: 1n, sequence: 1, commands }),
  });
}

const move = (peerAddress: string): Command => ({ type: 'change-address', id: 1n, peerAddress });
const put: Command = {
  ...{ type: 'put', key: encodeUtf8('k'), value: encodeUtf8('v') },
  ...{ lease: 0n, previous: false },
};

describe('the members of the state machine', () => {
  it('take no address of another member, also of one that was never up', () => {
    const { machine } = newMachine();
    const [refused] = apply(machine, move('late:1')).batch!.results;
    assert.ok(refused?.type === 'refused' && refused.code === 'MEMBER_ADDRESS_TAKEN');
    const [own] = apply(machine, move('a:1')).batch!.results;
    assert.equal(own?.type, 'change-address');
  });

  it('say that they have changed, whatever their entry holds besides', () => {
    const { machine } = newMachine();
    assert.equal(apply(machine, put).membershipChanged, false);
    assert.equal(apply(machine, move('b:1'), put).membershipChanged, true);
    assert.equal(apply(machine, put, move('c:1'), put, put).membershipChanged, true);
  });

  it('do not raise the level beyond what a learner knows', () => {
    const behind = newMachine(older);
    apply(behind.machine, { type: 'raise-level', level: 2 });
    assert.equal(behind.machine.featureLevel, 1);
    const { machine } = newMachine();
    apply(machine, { type: 'raise-level', level: 2 });
    assert.equal(machine.featureLevel, 2);
  });

  it('are the same after a restart, and so is the entry that their configuration is of', () => {
    const { machine, backend } = newMachine();
    apply(machine, put);
    const again = new StateMachine(backend.crash(Infinity), undefined, [], newer);
    assert.deepEqual([again.configIndex, again.config], [machine.configIndex, machine.config]);
    assert.equal(again.configIndex, 2);
    assert.deepEqual(again.members(), machine.members());
    assert.equal(again.hash(), machine.hash());
  });
});
