import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddressBook, learntMax } from './address-book.js';

const inTable = (address: string): ReadonlyMap<bigint, string> => new Map([[2n, address]]);

describe('the address book', () => {
  it('calls a member where it was said last, and then where it was said before', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    assert.deepEqual(book.setMembers(inTable('table:1')), [2n]);
    assert.deepEqual(book.setOverrides(new Map([[2n, 'operator:1']])), [2n]);
    assert.deepEqual(book.addressesOf(2n), ['operator:1', 'table:1']);
    assert.deepEqual(book.greeted(2n, 'greeting:1'), { moved: true });
    assert.deepEqual(book.greeted(2n, 'greeting:2'), { moved: true });
    assert.deepEqual(book.addressesOf(2n), ['greeting:2', 'operator:1', 'table:1']);
    assert.deepEqual(book.setMembers(inTable('table:2')), [2n]);
    assert.deepEqual(book.addressesOf(2n), ['table:2', 'greeting:2', 'operator:1']);
    assert.deepEqual(book.greeted(2n, 'table:2'), { moved: false });
    assert.deepEqual(book.addressesOf(2n), ['table:2', 'operator:1']);
  });

  it('tells who has moved, until the table says where to', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    book.setMembers(inTable('table:1'));
    book.greeted(2n, 'table:1');
    book.greeted(3n, 'stranger:1');
    assert.deepEqual([...book.elsewhere()], []);
    book.greeted(2n, 'greeting:1');
    assert.deepEqual([...book.elsewhere()], [[2n, 'greeting:1']]);
    book.setMembers(inTable('table:2'));
    assert.deepEqual([...book.elsewhere()], []);
  });

  it('takes what is only said again for no news', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    book.setMembers(inTable('table:1'));
    book.setOverrides(new Map([[2n, 'operator:1']]));
    book.greeted(2n, 'greeting:1');
    assert.deepEqual(book.setMembers(inTable('table:1')), []);
    assert.deepEqual(book.setOverrides(new Map([[2n, 'operator:1']])), []);
    assert.equal(book.addressesOf(2n)[0], 'greeting:1');
  });

  it('knows nobody who has left the table, and overrides nobody who is not in it', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    assert.deepEqual(book.setOverrides(new Map([[2n, 'operator:1']])), []);
    assert.deepEqual(book.addressesOf(2n), []);
    book.setMembers(inTable('table:1'));
    book.greeted(2n, 'greeting:1');
    assert.deepEqual(book.setMembers(new Map()), [2n]);
    assert.deepEqual(book.addressesOf(2n), []);
  });

  it('never has another member where this one is', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    book.setMembers(inTable('self:1'));
    assert.deepEqual(book.addressesOf(2n), []);
    book.greeted(2n, 'greeting:1');
    assert.deepEqual(book.addressesOf(2n), ['greeting:1']);
  });

  it('holds the addresses of so many that are not in the table', () => {
    const book = new AddressBook({ memberId: 1n, address: 'self:1' });
    book.setMembers(inTable('table:1'));
    for (let at = 0; at < learntMax; at++)
      assert.deepEqual(book.greeted(BigInt(100 + at), 'a:1'), { moved: true });
    assert.deepEqual(book.greeted(2n, 'b:1'), { moved: true });
    assert.deepEqual(book.greeted(99n, 'a:1'), { moved: true, forgotten: 100n });
    assert.deepEqual(book.addressesOf(100n), []);
    assert.deepEqual(book.addressesOf(101n), ['a:1']);
  });
});
