import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { TcpCluster } from './testing/tcp-cluster.js';
import { put } from './testing/key-values.js';
import type { RaftMember } from './raft-member.js';

/** Links and elections are as by default; a call may wait for a machine that has much else to do. */
const requestTimeoutMs = 60_000;

async function slowCluster(t: TestContext, bytesPerSecond: number): Promise<TcpCluster> {
  const cluster = await TcpCluster.of(3, { requestTimeoutMs });
  t.after(() => cluster.close());
  cluster.setBandwidth(bytesPerSecond);
  return cluster;
}

/** How each of `count` writes ended, of callers that write one behind the other. */
async function load(
  members: readonly RaftMember[],
  callers: number,
  count: number,
  value: string,
): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  let left = count;
  const caller = async (at: number): Promise<void> => {
    while (left-- > 0) {
      const member = members[at % members.length]!;
      const end = await put(member, `k${at}`, value).then(
        () => 'ok',
        (error: unknown) => (error instanceof KvorumError ? error.code : String(error)),
      );
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
  return ends;
}

void describe('on slow links, at default settings', { concurrency: false }, () => {
  it('values of 64 KiB over 3 MB/s disturb no leader, and leave no outcome unknown', async (t) => {
    const cluster = await slowCluster(t, 3e6);
    const terms = cluster.terms;
    const ends = await load(cluster.members, 128, 400, 'v'.repeat(64 * 1024));
    assert.deepEqual(cluster.terms, terms);
    assert.equal(ends.get('OUTCOME_UNKNOWN') ?? 0, 0, JSON.stringify([...ends]));
    assert.ok((ends.get('ok') ?? 0) > 200, JSON.stringify([...ends]));
  });

  it('values of 8 MiB over 2 MB/s are written', async (t) => {
    const cluster = await slowCluster(t, 2e6);
    const terms = cluster.terms;
    const ends = await load(cluster.members.slice(0, 1), 1, 2, 'v'.repeat(8 * 1024 * 1024 - 1024));
    assert.deepEqual([...ends], [['ok', 2]]);
    assert.deepEqual(cluster.terms, terms);
  });
});
