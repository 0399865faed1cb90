import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import type { Clock, Timer } from '../ports/clock.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { MemoryNetwork } from './memory-network.js';
import { MemoryPeers } from './memory-peers.js';
import { ignoring } from './testing/callers.js';

/** Timers fire up to a millisecond late, each by itself, as those of a busy event loop do. */
class LateClock implements Clock {
  readonly virtual = new VirtualClock();
  readonly #random = new Prng(7);

  monotonicMs(): number {
    return this.virtual.monotonicMs();
  }

  wallMs(): number {
    return this.virtual.wallMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.virtual.setTimer(delayMs + this.#random.nextUint32() / 0x1_0000_0000, callback);
  }

  nextTurn(callback: () => void): void {
    this.virtual.nextTurn(callback);
  }
}

void test('messages keep their order, however late each timer fires', async () => {
  const clock = new LateClock();
  const network = new MemoryNetwork(clock, new Prng(1), { latencyMsMin: 0.1, latencyMsMax: 1 });
  const [one, two] = [1n, 2n].map(
    (memberId) =>
      new MemoryPeers(network, { clusterId: 7n, memberId, name: `n${memberId}`, address: `m${memberId}:1` }),
  );
  assert.ok(one !== undefined && two !== undefined);
  const commits: number[] = [];
  const handler = ignoring((message) => {
    if (message.type === 'heartbeat') commits.push(message.commit);
  });
  await one.start(handler);
  await two.start(handler);
  one.setMembers(new Map([[2n, 'm2:1']]));
  two.setMembers(new Map([[1n, 'm1:1']]));
  const sent = Array.from({ length: 1000 }, (_, commit) => commit);
  for (const commit of sent) {
    one.send([{ type: 'heartbeat', from: 1n, to: 2n, term: 1, commit, readRound: 0, leaseReads: false }]);
  }
  clock.virtual.advance(10);
  assert.deepEqual(commits, sent);
});
