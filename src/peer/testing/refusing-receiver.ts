import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.js';
import { DiskError } from '../../ports/disk.js';
import { ignoring, notListening, other } from './callers.js';

/** Of the chunk that it refuses. */
export const refusedChunk = 3;

/**
 * A member in a thread of its own: its end of a connection goes on while the other one is busy. The cell that it is given
 * becomes 1 when it has refused a snapshot, and has done what it does then.
 */
async function run(cell: Int32Array): Promise<void> {
  const peers = notListening({ identity: { ...other, address: '127.0.0.1:2' } });
  const refuse = async (): Promise<never> => {
    let turns = 0;
    const turn = (): void => {
      if (++turns < 50) {
        setImmediate(turn);
        return;
      }
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    };
    await new Promise<void>((resolve) => setImmediate(resolve));
    turn();
    throw new DiskError('full', 'no room for it');
  };
  await peers.start({
    ...ignoring(() => {}),
    incomingSnapshot: () =>
      Promise.resolve({
        place: { chunks: 0, sum: 0 },
        write: (chunk) => (chunk.number < refusedChunk ? Promise.resolve() : refuse()),
        suspend: () => Promise.resolve(),
        finish: () => Promise.reject(new Error('it has no end')),
      }),
  });
  parentPort?.postMessage(peers.port);
}

if (!isMainThread) {
  assert(workerData instanceof Int32Array, 'it is given a cell');
  void run(workerData);
}
