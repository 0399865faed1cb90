import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallerHandshake, nonceSizeBytes } from '../../src/peer/handshake.js';
import type { ClusterMember } from './processes/cluster-member.js';
import { Intruder } from './processes/intruder.js';
import { ProcessCluster } from './processes/process-cluster.js';

/** All but two of the connections that a Raft port takes. */
const heldCount = 1022;
/** An election timeout is one second; the machine is busy with the flood. */
const electionMsMax = 10_000;

const hello = {
  caller: { clusterId: 1n, memberId: 2n, name: 'stranger', address: '127.0.0.1:1' },
  target: 3n,
  purpose: 'messages',
} as const;
const opening = new CallerHandshake(new Uint8Array(32), new Uint8Array(nonceSizeBytes), hello).opening();

const manyAddresses = Array.from({ length: 249 }, (_, at) => `127.0.0.${2 + at}`);

/** @returns how long the two that are left have no leader, by their own account */
async function losesItsLeader(cluster: ProcessCluster, from: readonly string[]): Promise<number> {
  const client = cluster.client();
  await client.set('before', 'x');
  const leader = await cluster.leader(client);
  const left = cluster.members.filter((each) => each !== leader);
  const intruders = left.map(({ raftAddress }) => new Intruder(raftAddress, from));
  try {
    // Half of them say nothing, half begin to greet; whoever is closed comes again.
    await Promise.all(
      intruders.flatMap((each) => [each.flood(heldCount / 2), each.flood(heldCount / 2, opening)]),
    );
    const since = left.map(({ process }) => process.log.length);
    const endedMs = Date.now();
    await leader.crash();
    const elections = left.map(({ process }, at) =>
      process.event('role and term', { role: 'leader' }, since[at]),
    );
    const { time } = await Promise.any(elections);
    // The third one comes back, and is let in by both: without it, the next to go would leave nobody to elect.
    await leader.start();
    const [away, last] = left as [ClusterMember, ClusterMember];
    await away.crash();
    await leader.client().set('after', 'y');
    assert.equal(await last.client().get('after'), 'y');
    return time - endedMs;
  } finally {
    for (const each of intruders) each.close();
  }
}

describe('strangers on the Raft port', () => {
  const places: readonly (readonly [string, readonly string[]])[] = [
    ['one address', []],
    ['many addresses', manyAddresses],
  ];
  for (const [name, from] of places) {
    const skip = from.length > 0 && process.platform !== 'linux' ? 'loopback has one address here' : false;
    it(`keep no two members from each other, from ${name}`, { skip }, async (t) => {
      await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
        const tookMs = await losesItsLeader(cluster, from);
        t.diagnostic(`${tookMs.toFixed(0)} ms without a leader`);
        assert.ok(tookMs < electionMsMax, `${tookMs} ms without a leader`);
        assert.equal(await cluster.client().get('before'), 'x');
        const flooded = cluster.members.filter(({ lives }) => lives.length === 1);
        for (const { lives } of flooded) {
          const told = lives.flatMap(({ log }) => [
            ...log.all('sent a stranger away from the Raft port'),
            ...log.all('sent strangers away from the Raft port'),
          ]);
          // One at once, then one in ten seconds: not one for each.
          assert.ok(told.length >= 1 && told.length < 20, `${told.length} lines`);
        }
      });
    });
  }
});
