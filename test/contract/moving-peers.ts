import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acquaint,
  clusterId,
  heartbeat,
  scene,
  secret,
  sendUntilHeard,
  type End,
  type Make,
  type PeersKind,
} from './peers-scene.js';

function makeStarted(make: Make, id: bigint, startEpoch: number | undefined): Promise<End> {
  return make(id, clusterId, undefined, secret, undefined, startEpoch);
}

/** Of every transport: members come back at other addresses, or twice. */
export function testMovingPeers(kind: PeersKind): void {
  const check = (name: string, action: (make: Make) => Promise<void>): void => {
    void test(`${kind.name}: ${name}`, () => scene(kind, action));
  };

  check('a member that comes back elsewhere is found where it greets from', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    await sendUntilHeard(one, two);
    await two.peers.close();
    for (let moves = 0; moves < 2; moves++) {
      const back = await make(2n);
      back.peers.setMembers(new Map([[1n, one.identity.address]]));
      await sendUntilHeard(back, one);
      await sendUntilHeard(one, back);
      await back.peers.close();
    }
  });

  check('a newer table says where a member is, and what it said itself is tried too', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    const nowhere = await kind.address();
    one.peers.setMembers(new Map([[2n, nowhere]]));
    two.peers.setMembers(new Map([[1n, one.identity.address]]));
    await sendUntilHeard(two, one);
    await sendUntilHeard(one, two);
    one.peers.setMembers(new Map([[2n, await kind.address()]]));
    await sendUntilHeard(one, two);
    await two.peers.close();
    const back = await make(2n);
    one.peers.setMembers(new Map([[2n, back.identity.address]]));
    await sendUntilHeard(one, back);
  });

  check('an operator says where a member of the table is called', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    one.peers.setMembers(new Map([[2n, await kind.address()]]));
    one.peers.setOverrides(new Map([[2n, two.identity.address]]));
    await sendUntilHeard(one, two);
  });

  check('a member that looks for another one is called where it says that it is', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    one.peers.setMembers(new Map([[3n, two.identity.address]]));
    two.peers.setMembers(new Map([[1n, await kind.address()]]));
    const isSentAway = (): boolean => one.told.lines.some((line) => line.endsWith(': wrong-target'));
    while (!isSentAway()) {
      one.peers.send([{ ...heartbeat(one, two), to: 3n }]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sendUntilHeard(two, one);
  });

  check('two members that have changed places find each other', async (make) => {
    const [oneAt, twoAt] = [await kind.address(), await kind.address()];
    const table = new Map([
      [1n, oneAt],
      [2n, twoAt],
    ]);
    const [one, two] = [await make(1n, clusterId, twoAt), await make(2n, clusterId, oneAt)];
    one.peers.setMembers(table);
    two.peers.setMembers(table);
    await sendUntilHeard(one, two);
    await sendUntilHeard(two, one);
  });

  check('of two processes with one identity the one that was started later stays', async (make) => {
    const one = await make(1n);
    const [older, newer] = [await makeStarted(make, 2n, 100), await makeStarted(make, 2n, 101)];
    older.peers.setMembers(new Map([[1n, one.identity.address]]));
    one.peers.setMembers(new Map([[2n, older.identity.address]]));
    await sendUntilHeard(older, one);
    newer.peers.setMembers(new Map([[1n, one.identity.address]]));
    await sendUntilHeard(newer, one);
    const isFenced = (): boolean => older.told.lines.includes('refused by 1: superseded');
    while (!isFenced()) {
      older.peers.send([heartbeat(older, one)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Whatever the table says, the one that answers there is the older one.
    one.peers.setMembers(new Map([[2n, newer.identity.address]]));
    one.peers.setMembers(new Map([[2n, older.identity.address]]));
    const before = older.told.messages.length;
    await sendUntilHeard(one, newer);
    assert.equal(older.told.messages.length, before);
  });

  check('a start again is let in, and one of a version without start epochs', async (make) => {
    const one = await make(1n);
    for (const startEpoch of [100, 101, undefined, 102]) {
      const back = await makeStarted(make, 2n, startEpoch);
      back.peers.setMembers(new Map([[1n, one.identity.address]]));
      await sendUntilHeard(back, one);
      await sendUntilHeard(one, back);
      assert.deepEqual(
        back.told.lines.filter((line) => line.startsWith('refused')),
        [],
      );
      await back.peers.close();
    }
  });

  check('a removed member is not found where it calls from', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    one.peers.setMembers(new Map());
    one.peers.setRemoved(new Set([2n]));
    two.peers.setMembers(new Map([[1n, one.identity.address]]));
    two.peers.send([heartbeat(two, one)]);
    await two.told.until(() => two.told.lines.includes('removed by 1'));
    one.peers.send([heartbeat(one, two)]);
    assert.deepEqual([one.told.messages, two.told.messages], [[], []]);
  });
}
