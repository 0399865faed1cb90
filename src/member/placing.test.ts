import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstLevels } from '../base/feature-levels.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import { placing } from './placing.js';

/** Members 1, 2, ... of names n1, n2, ... */
function table(...addresses: readonly string[]): MemberRecord[] {
  return addresses.map((peerAddress, at) => ({
    id: BigInt(at + 1),
    name: `n${at + 1}`,
    peerAddress,
    clientAddress: '',
    promoteWhenReady: false,
    levels: firstLevels,
  }));
}

/** Of a member of that table; what comes of it, or who stands in the way. */
function placed(
  members: readonly MemberRecord[],
  id: bigint,
  address: string,
  elsewhere: Record<string, string> = {},
): readonly string[] | string {
  const known = Object.entries(elsewhere).map(([name, at]) => [BigInt(name), at] as const);
  const made = placing(id, address, members, new Map(known));
  if ('holder' in made) return made.holder.name;
  const now = new Map(members.map((each) => [each.id, each.peerAddress]));
  for (const command of made.commands) {
    const isTaken = [...now].some(([other, at]) => other !== command.id && at === command.peerAddress);
    assert.ok(!isTaken, `${command.peerAddress} is taken`);
    now.set(command.id, command.peerAddress);
  }
  return [...now.values()];
}

describe('a place in the member table', () => {
  it('is taken where it is free', () => {
    assert.deepEqual(placed(table('a:1', 'b:1'), 1n, 'c:1'), ['c:1', 'b:1']);
  });

  it('is not taken from a member that has not been heard from anywhere else', () => {
    assert.equal(placed(table('a:1', 'b:1', 'c:1'), 1n, 'b:1'), 'n2');
    assert.equal(placed(table('a:1', 'b:1', 'c:1'), 1n, 'b:1', { 2: 'b:1' }), 'n2');
  });

  it('is taken from one that has moved on, which is placed where it is', () => {
    assert.deepEqual(placed(table('a:1', 'b:1', 'c:1'), 1n, 'b:1', { 2: 'd:1' }), ['b:1', 'd:1', 'c:1']);
    assert.deepEqual(placed(table('a:1', 'b:1', 'c:1'), 1n, 'b:1', { 2: 'a:1' }), ['b:1', 'a:1', 'c:1']);
  });

  it('is taken in exchange where a third one has that', () => {
    assert.deepEqual(placed(table('a:1', 'b:1', 'c:1'), 1n, 'b:1', { 2: 'c:1' }), ['b:1', 'a:1', 'c:1']);
  });
});
