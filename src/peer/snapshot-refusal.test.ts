import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SnapshotRefusedError, type OutgoingSnapshot } from '../ports/peers.js';
import { ignoring, notListening, other, self } from './testing/callers.js';
import { refusedChunk } from './testing/refusing-receiver.js';

const config = {
  ...{ voters: [self.memberId], votersOutgoing: [], learners: [], learnersNext: [] },
  autoLeave: false,
};

/** Without an end. @param beforeNext of the chunk behind so many */
function endless(
  beforeNext: (chunks: number) => void = () => {},
  { signal } = new AbortController(),
): OutgoingSnapshot {
  let chunks = 0;
  return {
    offer: {
      ...{ id: 1n, sizeBytesEstimated: 0, featureLevel: 1 },
      meta: { index: 9, term: 2, configIndex: 1, config },
    },
    resume: () => {},
    next: () => {
      beforeNext(chunks);
      return { number: ++chunks, sum: 0, bytes: new Uint8Array(256 * 1024) };
    },
    taken: () => {},
    signal,
  };
}

void test('a refusal reaches a sender that goes on sending because it has not read it yet', async (t) => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const receiver = new Worker(new URL('./testing/refusing-receiver.js', import.meta.url), {
    workerData: cell,
  });
  const sender = notListening();
  t.after(() => Promise.all([sender.close(), receiver.terminate()]));
  const [port] = (await once(receiver, 'message')) as [number];
  await sender.start(ignoring(() => {}));
  sender.setMembers(new Map([[other.memberId, `127.0.0.1:${port}`]]));
  for (let times = 0; times < 10; times++) {
    Atomics.store(cell, 0, 0);
    const transfer = endless((chunks) => {
      // Its thread stands still: what it has said is on its way, and one chunk more than is read there.
      if (chunks === refusedChunk + 1) Atomics.wait(cell, 0, 0);
    });
    await assert.rejects(sender.sendSnapshot(other.memberId, transfer), (error) => {
      assert.ok(error instanceof SnapshotRefusedError, String(error));
      assert.match(error.message, /no room for it/);
      return true;
    });
  }
});

void test('a transfer that is ended while the receiver takes nothing rejects with the reason', async (t) => {
  const [one, two] = [notListening(), notListening({ identity: { ...other, address: '127.0.0.1:2' } })];
  t.after(() => Promise.all([one.close(), two.close()]));
  const abort = new AbortController();
  const reason = new Error('it takes nothing');
  await two.start({
    ...ignoring(() => {}),
    incomingSnapshot: () =>
      Promise.resolve({
        place: { chunks: 0, sum: 0 },
        write: () => {
          abort.abort(reason);
          return new Promise<never>(() => {});
        },
        suspend: () => Promise.resolve(),
        finish: () => Promise.reject(new Error('it has no end')),
      }),
  });
  await one.start(ignoring(() => {}));
  one.setMembers(new Map([[other.memberId, `127.0.0.1:${two.port}`]]));
  await assert.rejects(one.sendSnapshot(other.memberId, endless(undefined, abort)), reason);
});
