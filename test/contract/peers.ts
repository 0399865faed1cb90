import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snapshotWindowChunksMax } from '../../src/peer/snapshot-frames.js';
import { DiskError } from '../../src/ports/disk.js';
import type { OutgoingSnapshot } from '../../src/ports/peers.js';
import { acquaint, clusterId, heartbeat, scene, secret, type Make, type PeersKind } from './peers-scene.js';

const chunkSizeBytes = 100_000;

interface Outgoing extends OutgoingSnapshot {
  readonly bytes: Uint8Array;
  /** Chunks that were made, over all attempts. */
  readonly made: number[];
  readonly takenChunks: number[];
}

function outgoing(sizeBytes: number, id: bigint): Outgoing {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
  const config = { voters: [1n, 2n], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const meta = { index: 9, term: 2, configIndex: 1, config };
  const [made, takenChunks]: [number[], number[]] = [[], []];
  const sumOf = (chunks: number): number => chunks * 7;
  let chunks = 0;
  return {
    ...{ bytes, made, takenChunks },
    offer: { id, sizeBytesEstimated: sizeBytes, featureLevel: 1, meta },
    resume: (place) => {
      assert.equal(place.sum, sumOf(place.chunks));
      chunks = place.chunks;
    },
    next: () => {
      const at = chunks * chunkSizeBytes;
      if (at >= sizeBytes) return { chunks, sum: sumOf(chunks), rows: 1 };
      made.push(++chunks);
      return { number: chunks, bytes: bytes.subarray(at, at + chunkSizeBytes), sum: sumOf(chunks) };
    },
    taken: (count) => void takenChunks.push(count),
    signal: new AbortController().signal,
  };
}

/** What every transport between members must keep. */
export function testPeers(kind: PeersKind): void {
  const check = (name: string, action: (make: Make) => Promise<void>): void => {
    void test(`${kind.name}: ${name}`, () => scene(kind, action));
  };

  check('messages arrive in order, both ways', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    for (let at = 0; at < 100; at++) one.peers.send([heartbeat(one, two, at)]);
    two.peers.send([heartbeat(two, one)]);
    await two.told.until(() => two.told.messages.length === 100);
    await one.told.until(() => one.told.messages.length === 1);
    const commits = two.told.messages.map((message) => (message.type === 'heartbeat' ? message.commit : -1));
    assert.deepEqual(
      commits,
      commits.map((_, at) => at),
    );
  });

  check('a message of several megabytes arrives whole', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const data = Uint8Array.from({ length: 5_000_000 }, (_, at) => at % 251);
    const entries = [{ index: 4, term: 1, type: 'normal' as const, data }];
    const head = { from: 1n, to: 2n, term: 1, previousIndex: 3, previousTerm: 1, commit: 2 };
    one.peers.send([{ type: 'append', ...head, entries }]);
    await two.told.until(() => two.told.messages.length === 1);
    assert.deepEqual(two.told.messages[0], { type: 'append', ...head, entries });
  });

  check('a caller that is not in the table is let in, and answered', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    one.peers.setMembers(new Map([[2n, two.identity.address]]));
    one.peers.send([heartbeat(one, two)]);
    await two.told.until(() => two.told.messages.length === 1);
    two.peers.send([heartbeat(two, one)]);
    await one.told.until(() => one.told.messages.length === 1);
  });

  check('messages to nobody are dropped in silence', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    one.peers.send([{ ...heartbeat(one, two), to: 99n }, heartbeat(one, two)]);
    await two.told.until(() => two.told.messages.length === 1);
    assert.deepEqual(
      one.told.lines.filter((line) => line !== 'reachable 2'),
      [],
    );
  });

  check('a member of another cluster is sent away', async (make) => {
    const [one, stranger] = [await make(1n), await make(2n, 8n)];
    acquaint(one, stranger);
    stranger.peers.send([heartbeat(stranger, one)]);
    await stranger.told.until(() => stranger.told.lines.includes('refused by 1: wrong-cluster'));
    assert.deepEqual(one.told.messages, []);
  });

  check('one that does not know the secret hears nothing but that, whoever calls', async (make) => {
    for (const other of [new Uint8Array(0), new Uint8Array(32).fill(6)]) {
      const [one, two] = [await make(1n), await make(2n, clusterId, undefined, other)];
      acquaint(one, two);
      two.peers.send([heartbeat(two, one)]);
      await two.told.until(() => two.told.lines.includes('refused by 1: refused'));
      one.peers.send([heartbeat(one, two)]);
      await one.told.until(() => one.told.lines.includes('refused by 2: refused'));
      await assert.rejects(two.peers.sendSnapshot(1n, outgoing(1000, 17n)), /secret/);
      assert.deepEqual([...one.told.messages, ...two.told.messages], []);
      assert.ok(!one.told.lines.some((line) => line.startsWith('snapshot')));
      for (const { peers } of [one, two]) await peers.close();
    }
  });

  check('members speak the highest version of the protocol that both know', async (make) => {
    const one = await make(1n, clusterId, undefined, secret, { min: 3, max: 3 });
    const two = await make(2n, clusterId, undefined, secret, { min: 3, max: 4 });
    acquaint(one, two);
    one.peers.send([heartbeat(one, two)]);
    two.peers.send([heartbeat(two, one)]);
    for (const { told } of [one, two]) await told.until(() => told.messages.length === 1);
  });

  check('members without a common version hear nothing of each other but that', async (make) => {
    const one = await make(1n, clusterId, undefined, secret, { min: 3, max: 3 });
    const two = await make(2n, clusterId, undefined, secret, { min: 4, max: 5 });
    acquaint(one, two);
    one.peers.send([heartbeat(one, two)]);
    two.peers.send([heartbeat(two, one)]);
    await one.told.until(() => one.told.lines.includes('refused by 2: wrong-version'));
    await two.told.until(() => two.told.lines.includes('refused by 1: wrong-version'));
    await assert.rejects(two.peers.sendSnapshot(1n, outgoing(1000, 18n)), /version/);
    assert.deepEqual([...one.told.messages, ...two.told.messages], []);
  });

  check('members of a cluster that has no secret know each other', async (make) => {
    const none = new Uint8Array(0);
    const [one, two] = [
      await make(1n, clusterId, undefined, none),
      await make(2n, clusterId, undefined, none),
    ];
    acquaint(one, two);
    one.peers.send([heartbeat(one, two)]);
    await two.told.until(() => two.told.messages.length === 1);
  });

  check('whoever says what no member says is cut off', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    one.told.malformed = true;
    two.peers.send([heartbeat(two, one)]);
    await one.told.until(() => one.told.lines.includes('malformed heartbeat'));
    one.told.malformed = false;
    // The connection is made anew; what is sent before that is lost.
    while (one.told.messages.length === 0) {
      two.peers.send([heartbeat(two, one)]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  check('a second member with the own id is sent away', async (make) => {
    const one = await make(1n);
    const own = await make(1n);
    own.peers.setMembers(new Map([[3n, one.identity.address]]));
    own.peers.send([{ ...heartbeat(own, one), to: 3n }]);
    await own.told.until(() => own.told.lines.some((line) => line.endsWith('own-id')));
    assert.deepEqual(one.told.messages, []);
  });

  check('a removed member is told so, when it calls and while it talks', async (make) => {
    const [one, two, three] = [await make(1n), await make(2n), await make(3n)];
    acquaint(one, two, three);
    two.peers.send([heartbeat(two, one)]);
    await one.told.until(() => one.told.messages.length === 1);
    one.peers.setMembers(new Map());
    one.peers.setRemoved(new Set([2n, 3n]));
    await two.told.until(() => two.told.lines.includes('removed by 1'));
    three.peers.send([heartbeat(three, one)]);
    await three.told.until(() => three.told.lines.includes('removed by 1'));
    assert.equal(one.told.messages.length, 1);
  });

  check('a member that ends is noticed once', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    one.peers.send([heartbeat(one, two)]);
    two.peers.send([heartbeat(two, one)]);
    await one.told.until(() => one.told.messages.length === 1);
    await two.told.until(() => two.told.messages.length === 1);
    await two.peers.close();
    await one.told.until(() => one.told.lines.includes('lost 2'));
    one.peers.send([heartbeat(one, two)]);
    await one.told.until(() => one.told.lines.includes('unreachable 2'));
    assert.equal(one.told.lines.filter((line) => line === 'lost 2').length, 1);
  });

  check('it is told who can be reached, who cannot, and who can again', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const told = (): string[] => one.told.lines.filter((line) => line.includes('reachable 2'));
    one.peers.send([heartbeat(one, two)]);
    await one.told.until(() => told().length === 1);
    await two.peers.close();
    one.peers.send([heartbeat(one, two)]);
    await one.told.until(() => told().at(-1) === 'unreachable 2');
    const back = await make(2n, clusterId, two.identity.address);
    back.peers.setMembers(new Map([[1n, one.identity.address]]));
    one.peers.send([heartbeat(one, back)]);
    await one.told.until(() => told().at(-1) === 'reachable 2');
    // There may be more than one reason, one after the other.
    const turns = told().filter((line, at) => line !== told()[at - 1]);
    assert.deepEqual(turns, ['reachable 2', 'unreachable 2', 'reachable 2']);
    assert.equal(one.told.whereIs.get(2n), two.identity.address);
  });

  check('a member that comes back is reached again', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    one.peers.send([heartbeat(one, two)]);
    await two.told.until(() => two.told.messages.length === 1);
    await two.peers.close();
    const back = await make(2n, clusterId, two.identity.address);
    back.peers.setMembers(new Map([[1n, one.identity.address]]));
    back.peers.send([heartbeat(back, one)]);
    await one.told.until(() => one.told.messages.length === 1);
    // The way back may still be making its connection: what is lost is sent again, as Raft does.
    for (let tries = 0; back.told.messages.length === 0 && tries < 200; tries++) {
      one.peers.send([heartbeat(one, back)]);
      back.peers.send([heartbeat(back, one)]);
      const seen = one.told.messages.length;
      await one.told.until(() => one.told.messages.length > seen || back.told.messages.length > 0);
    }
    assert.ok(back.told.messages.length > 0);
  });

  check('an address in use is an error that names it', async (make) => {
    const one = await make(1n);
    await assert.rejects(make(2n, clusterId, one.identity.address), { code: 'ADDRESS_UNAVAILABLE' });
  });

  check('a snapshot arrives whole', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const transfer = outgoing(1_500_000, 11n);
    await one.peers.sendSnapshot(2n, transfer);
    assert.deepEqual(two.told.snapshot.bytes, transfer.bytes);
    assert.deepEqual(two.told.snapshot.offer, transfer.offer);
    assert.deepEqual(transfer.takenChunks.at(-1), transfer.made.length);
    assert.ok(two.told.lines.includes('snapshot finished'));
  });

  check('a snapshot that broke off goes on where it stopped', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const transfer = outgoing(2_000_000, 12n);
    two.told.failAfterBytes = 1_000_000;
    await assert.rejects(one.peers.sendSnapshot(2n, transfer));
    await two.told.until(() => two.told.lines.some((line) => line.startsWith('snapshot suspended')));
    const held = two.told.snapshot.bytes.length;
    assert.ok(held >= 1_000_000 && held < 2_000_000);
    const again = transfer.made.length;
    await one.peers.sendSnapshot(2n, transfer);
    assert.equal(transfer.made[again], held / chunkSizeBytes + 1);
    assert.deepEqual(two.told.snapshot.bytes, transfer.bytes);
  });

  check('no more than a window of a snapshot is on its way', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const transfer = outgoing((snapshotWindowChunksMax + 20) * chunkSizeBytes, 18n);
    const next = transfer.next.bind(transfer);
    const taken = (): number => transfer.takenChunks.at(-1) ?? 0;
    const watched = {
      ...transfer,
      next: () => {
        assert.ok(transfer.made.length - taken() < snapshotWindowChunksMax);
        return next();
      },
    };
    await one.peers.sendSnapshot(2n, watched);
    assert.deepEqual(two.told.snapshot.bytes, transfer.bytes);
  });

  check('a transfer that has broken off asks for no more of its snapshot', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    const transfer = outgoing(500_000, 20n);
    let go = (): void => {};
    const taken = new Promise<void>((resolve) => (go = resolve));
    const begun = new Promise<void>((resolve) => {
      two.told.takes = () => {
        resolve();
        return taken;
      };
    });
    const sent = one.peers.sendSnapshot(2n, transfer);
    await begun;
    await Promise.all([two.peers.close(), assert.rejects(sent)]);
    const made = transfer.made.length;
    go();
    // The next attempt may be under way by then, and goes on from the same place.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([transfer.made.length, transfer.takenChunks], [made, []]);
  });

  check('what cannot be kept there is refused, with the reason', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    two.told.finishes = () => Promise.reject(new DiskError('full', 'no space is left'));
    await assert.rejects(one.peers.sendSnapshot(2n, outgoing(1000, 19n)), /no space is left/);
  });

  check('whoever sends a snapshot is told that it arrived damaged', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    two.told.findsDamage = true;
    await assert.rejects(one.peers.sendSnapshot(2n, outgoing(1000, 16n)), {
      code: 'DATA_DAMAGED',
      message: 'a bit is wrong',
    });
  });

  check('a snapshot that is not wanted, or called off, is not sent', async (make) => {
    const [one, two] = [await make(1n), await make(2n)];
    acquaint(one, two);
    two.told.wanted = false;
    await assert.rejects(one.peers.sendSnapshot(2n, outgoing(1000, 13n)), /not wanted/);
    two.told.wanted = true;
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(one.peers.sendSnapshot(2n, { ...outgoing(1000, 14n), signal: abort.signal }));
    await assert.rejects(one.peers.sendSnapshot(99n, outgoing(1000, 15n)));
    assert.equal(two.told.snapshot.bytes.length, 0);
  });
}
