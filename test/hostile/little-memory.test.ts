import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KvorumError, type KvorumClient } from '../../src/client/index.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { MemoryGroup } from './memory-group.js';

const largeValuesMs = 15_000;
const groupBytes = 256 * 1024 ** 2;

/**
 * Puts values of 100 KiB, each caller one after the other, until `untilMs`. What a busy disk keeps from being answered
 * counts for nothing. @returns how many were put
 */
async function putLargeValues(cluster: ProcessCluster, callers: number, untilMs: number): Promise<number> {
  const value = 'v'.repeat(100 * 1024);
  let put = 0;
  const caller = async (client: KvorumClient, key: string): Promise<void> => {
    while (performance.now() < untilMs) {
      try {
        await client.set(key, value);
        put++;
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
      }
    }
  };
  const clients = Array.from({ length: callers / 16 }, () => cluster.client());
  await Promise.all(
    clients.flatMap((client, one) =>
      Array.from({ length: 16 }, (_none, other) => caller(client, `large-${one}-${other}`)),
    ),
  );
  return put;
}

describe('members with 256 MiB of memory', () => {
  for (const size of [1, 3]) {
    it(`are not killed by 256 callers that put 100 KiB each: ${size} of them`, async (t) => {
      const groups = Array.from({ length: size }, (_none, at) => MemoryGroup.make(groupBytes, at));
      try {
        if (!groups.every((group) => group !== undefined)) {
          t.skip('no control group can be made here');
          return;
        }
        await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
          for (const [at, { prefix }] of groups.entries())
            cluster.add(`node${at + 1}`, { launch: { prefix } });
          await cluster.found();
          const lives = cluster.members.map(({ lives: { length } }) => length);
          const put = await putLargeValues(cluster, 256, performance.now() + largeValuesMs);
          t.diagnostic(`${put} values`);
          assert.ok(put > 0);
          assert.deepEqual(
            cluster.members.map(({ isRunning, lives: { length } }) => (isRunning ? length : 'killed')),
            lives,
          );
        });
      } finally {
        for (const group of groups) await group?.remove();
      }
    });
  }
});
