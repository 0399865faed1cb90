import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedBytesError } from '../base/byte-stream.js';
import { encodeUtf8 } from '../base/bytes.js';
import { Prng, randomInt } from '../base/prng.js';
import { itHoldsForSeeds } from '../base/testing/seeds.js';
import { encodeConfigChange } from '../raft/config-change.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import type { Command } from './command.js';
import { decodeCommandBatch, encodeCommandBatch } from './command-codec.js';
import { checkEntry, checkProposal } from './entry-check.js';
import type { MembershipUpdate } from './members/membership.js';
import { encodeMembershipUpdate } from './members/membership-codec.js';
import { StateMachine } from './state-machine.js';
import { initialState } from './testing/initial-state.js';

const key = encodeUtf8('key');
const commands: readonly Command[] = [
  { type: 'put', key, value: encodeUtf8('value'), lease: 0n, previous: false },
  { type: 'put', key, value: key, lease: 7n, previous: true, expectedModRevision: 300 },
  { type: 'delete-range', key, end: Uint8Array.of(0), previous: true },
  { type: 'delete-range', key, end: undefined, previous: false },
  { type: 'delete-range', key, end: undefined, previous: false, expectedModRevision: 2 },
  { type: 'compact', revision: 1 },
  { type: 'publish', id: 1n, name: 'node1', clientAddress: 'a:2', levels: { min: 1, max: 3 } },
  { type: 'raise-level', level: 2 },
  { type: 'change-address', id: 1n, peerAddress: 'a:3' },
];

function batchOf(...given: Command[]): Uint8Array {
  return encodeCommandBatch({ proposer: 9n, sequence: 300, commands: given });
}

function newMachine(): StateMachine {
  const known = { min: 1, max: Number.MAX_SAFE_INTEGER };
  return StateMachine.initialise(new MemoryBackend(), initialState, { index: 1, term: 1 }, undefined, known);
}

function passes(data: Uint8Array): boolean {
  try {
    checkEntry('normal', data);
    return true;
  } catch (error) {
    assert.ok(error instanceof MalformedBytesError);
    return false;
  }
}

describe('the check of an entry', () => {
  it('takes what members write', () => {
    for (const command of commands) checkEntry('normal', batchOf(command));
    checkEntry('normal', batchOf(...commands));
    checkEntry('normal', batchOf());
    checkEntry('empty', new Uint8Array(0));
  });

  itHoldsForSeeds('lets nothing pass that cannot be applied', 300, [], (seed) => {
    const random = new Prng(seed);
    const bytes = new Uint8Array(batchOf(...commands.filter(() => randomInt(random, 2) === 0)));
    for (let count = 1 + randomInt(random, 3); count > 0; count--) {
      bytes[randomInt(random, bytes.length)] = randomInt(random, 256);
    }
    const cut = bytes.subarray(0, bytes.length - randomInt(random, 3));
    if (!passes(cut)) return;
    decodeCommandBatch(cut);
    newMachine().apply({ index: 2, term: 1, type: 'normal', data: cut });
  });

  itHoldsForSeeds('refuses no more than what the limits forbid', 300, [], (seed) => {
    const random = new Prng(seed);
    const bytes = new Uint8Array(batchOf(...commands));
    bytes[randomInt(random, bytes.length)] = randomInt(random, 256);
    let decoded: readonly Command[];
    try {
      decoded = decodeCommandBatch(bytes).commands;
    } catch {
      assert.ok(!passes(bytes));
      return;
    }
    const hasEmpty = decoded.some(
      (each) => ('key' in each && each.key.length === 0) || ('end' in each && each.end?.length === 0),
    );
    assert.equal(passes(bytes), !hasEmpty);
  });

  it('refuses keys and values that the storage does not take, and takes those at the limit', () => {
    const put = (keySizeBytes: number, valueSizeBytes: number): Uint8Array =>
      batchOf({
        type: 'put',
        key: new Uint8Array(keySizeBytes),
        value: new Uint8Array(valueSizeBytes),
        lease: 0n,
        previous: false,
      });
    assert.ok(passes(put(64 * 1024, 8 * 1024 * 1024)));
    assert.ok(!passes(put(64 * 1024 + 1, 1)));
    assert.ok(!passes(put(1, 8 * 1024 * 1024 + 1)));
    assert.ok(!passes(put(0, 1)));
  });

  it('refuses the seven bytes that stopped every member', () => {
    assert.ok(!passes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7)));
    assert.throws(
      () => newMachine().apply({ index: 2, term: 1, type: 'normal', data: Uint8Array.of(1, 2, 3) }),
      {
        code: 'ENTRY_NOT_APPLICABLE',
      },
    );
    assert.throws(() => checkEntry('empty', Uint8Array.of(1)), MalformedBytesError);
    assert.throws(() => checkEntry('config', Uint8Array.of(1)), MalformedBytesError);
  });
});

describe('the check of a proposal', () => {
  const record = {
    id: 2n,
    name: 'node2',
    peerAddress: 'b:1',
    clientAddress: '',
    promoteWhenReady: true,
    levels: { min: 1, max: 1 },
  };
  const change = (kind: 'add-learner' | 'add-voter' | 'remove', id: bigint, update: MembershipUpdate) =>
    encodeConfigChange({ changes: [{ kind, id }], context: encodeMembershipUpdate(update) });
  const refused = (data: Uint8Array): void => {
    assert.throws(() => checkProposal('config', data, new Set([9n]), 1), MalformedBytesError);
  };

  it('takes the changes of members that ours propose', () => {
    for (const data of [
      change('add-learner', 2n, { type: 'add', record }),
      change('add-voter', 2n, { type: 'promote', id: 2n }),
      change('remove', 2n, { type: 'remove', id: 2n }),
      encodeConfigChange({ changes: [], context: new Uint8Array(0) }),
    ]) {
      checkProposal('config', data, new Set([9n]), 1);
    }
  });

  it('refuses what would stop those that apply it, or say one thing to Raft and another to the table', () => {
    refused(change('add-learner', 3n, { type: 'add', record }));
    refused(change('add-voter', 2n, { type: 'add', record }));
    refused(change('remove', 2n, { type: 'promote', id: 2n }));
    refused(change('add-learner', 9n, { type: 'add', record: { ...record, id: 9n } }));
    refused(change('add-learner', 2n, { type: 'add', record: { ...record, name: '../x' } }));
    refused(change('add-learner', 2n, { type: 'add', record: { ...record, peerAddress: 'nowhere' } }));
    refused(encodeConfigChange({ changes: [{ kind: 'remove', id: 2n }], context: Uint8Array.of(7) }));
  });
});
