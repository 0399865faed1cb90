import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InboundBudget, inboundSizeBytesMax } from './inbound-budget.js';
import { addressGroup } from '../base/address-group.js';
import { MemberAddresses } from './member-addresses.js';
import { Strangers, strangersKeptPerMemberAddress, strangersMax } from './strangers.js';

class Connection {
  readonly name: string;
  closed = false;

  constructor(name: string) {
    this.name = name;
  }

  close(): void {
    this.closed = true;
  }
}

describe('strangers', () => {
  it('give way by address: whoever holds most loses its oldest', () => {
    const strangers = new Strangers<Connection>(() => false);
    const first = new Connection('first of many');
    strangers.add(first, '10.0.0.1');
    for (let count = 1; count < strangersMax - 10; count++) strangers.add(new Connection('many'), '10.0.0.1');
    const few = Array.from({ length: 10 }, (_, at) => new Connection(`few ${at}`));
    for (const [at, each] of few.entries()) assert.equal(strangers.add(each, `10.0.1.${at}`), undefined);
    assert.equal(strangers.size, strangersMax);
    assert.equal(strangers.add(new Connection('newcomer'), '10.0.2.1'), first);
    assert.ok(first.closed);
    for (let count = 0; count < 5000; count++) strangers.add(new Connection('again'), '10.0.0.1');
    assert.equal(strangers.size, strangersMax);
    assert.ok(few.every((each) => !each.closed));
  });

  it('from where members come are not pushed out by others, in small numbers', () => {
    const strangers = new Strangers<Connection>((group) => group === '10.0.0.9');
    const members = Array.from({ length: strangersKeptPerMemberAddress + 1 }, () => new Connection('member'));
    for (const each of members) strangers.add(each, '10.0.0.9');
    // Each from another address: none of them holds more than one.
    for (let count = 0; count < 2 * strangersMax; count++) {
      strangers.add(new Connection('other'), `10.1.${count >> 8}.${count & 255}`);
    }
    assert.deepEqual(
      members.map((each) => each.closed),
      members.map((_, at) => at === 0),
    );
  });

  it('are grouped by what one of them can have', () => {
    assert.equal(addressGroup('10.0.0.1'), '10.0.0.1');
    assert.equal(addressGroup('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), addressGroup('2001:db8:1:2::9'));
    assert.notEqual(addressGroup('2001:db8:1:2::1'), addressGroup('2001:db8:1:3::1'));
    assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0');
    assert.equal(addressGroup('::1'), '0:0:0:0');
    // As an operator may write it.
    assert.equal(addressGroup('2001:0DB8:1:2::9'), addressGroup('2001:db8:1:2::9'));
  });
});

describe('the addresses of members', () => {
  it('are those of the table, and those from where they came', () => {
    const addresses = new MemberAddresses();
    addresses.setMembers(
      new Map([
        [1n, '10.0.0.1:60051'],
        [2n, 'node2:60051'],
        [3n, 'nothing'],
      ]),
    );
    addresses.seen(2n, '::ffff:10.0.0.2');
    addresses.seen(1n, '10.0.0.2');
    assert.deepEqual(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((each) => addresses.has(each)),
      [true, true, false],
    );
    addresses.setMembers(new Map([[2n, 'node2:60051']]));
    assert.ok(!addresses.has('10.0.0.1') && addresses.has('10.0.0.2'));
    for (let last = 10; last < 30; last++) addresses.seen(2n, `10.0.0.${last}`);
    assert.ok(!addresses.has('10.0.0.2') && addresses.has('10.0.0.29'));
  });
});

describe('the budget of frames on their way', () => {
  class Holder {
    paused = false;

    pause(): void {
      this.paused = true;
    }

    resume(): void {
      this.paused = false;
    }
  }

  it('lets one go on when it is spent, and the others when that has come to its end', () => {
    const budget = new InboundBudget();
    const share = inboundSizeBytesMax / 4;
    const holders = Array.from({ length: 5 }, () => new Holder());
    for (const each of holders) budget.update(each, share);
    assert.deepEqual(
      holders.map((each) => each.paused),
      [false, false, false, false, true],
    );
    for (const each of holders) budget.update(each, share + 1);
    assert.deepEqual(
      holders.map((each) => each.paused),
      [false, true, true, true, true],
    );
    assert.equal(budget.sizeBytes, 5 * share + 5);
    budget.update(holders[0]!, 0);
    // Still too much: the next one is let go on.
    assert.deepEqual(
      holders.map((each) => each.paused),
      [false, false, true, true, true],
    );
    budget.delete(holders[1]!);
    assert.deepEqual(
      holders.map((each) => each.paused),
      [false, false, false, false, false],
    );
    for (const each of holders) budget.delete(each);
    assert.equal(budget.sizeBytes, 0);
    assert.equal(budget.pausedCount, 0);
  });

  it('stands behind the others again whoever has brought a frame to its end', () => {
    const budget = new InboundBudget();
    const [one, two] = [new Holder(), new Holder()];
    budget.update(one, inboundSizeBytesMax);
    budget.update(two, 10);
    assert.ok(two.paused);
    budget.update(one, inboundSizeBytesMax - 1);
    assert.ok(one.paused && !two.paused);
  });
});
