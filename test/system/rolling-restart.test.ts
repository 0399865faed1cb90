import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkRegisters } from './history/register.js';
import { RegisterLoad } from './history/register-load.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { drawSeed } from './processes/seed.js';

/** Far longer than a hand-over takes, even here: a gap below it proves that none was waited for. */
const electionTimeoutMs = 3000;

it('restarts all members in turn, the leader each time, without a failed write', async (t) => {
  const seed = drawSeed(t);
  const flags = [`-election-timeout=${electionTimeoutMs}`];
  await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
    const client = cluster.client();
    const load = RegisterLoad.start({ callers: cluster.callers(6), keys: ['a', 'b', 'c'], seed });
    const waiting = new Set(cluster.members);
    while (waiting.size > 0) {
      await load.moreWrites(50);
      const leader = await cluster.leader(client);
      const [next] = waiting.has(leader) ? [leader] : waiting;
      waiting.delete(next!);
      const { process } = next!;
      const before = process.log.length;
      const { term, role } = process.log.all('role and term').at(-1)!;
      assert.deepEqual(await next!.stop(), { code: 0, signal: null });
      if (role === 'leader') {
        // Its successor leads the next term already when it stops.
        const handedOver = await process.event('role and term', { term: Number(term) + 1 }, before);
        const stopped = await process.event('member has stopped', {}, before);
        assert.ok(handedOver.time <= stopped.time);
      }
      await load.moreWrites(50);
      await next!.start();
      await next!.client().get('a');
    }
    await load.stop();
    t.diagnostic(load.summary);
    checkRegisters(load.operations);
    assert.deepEqual([...load.unknown, ...load.refused], []);
    assert.ok(load.longestGapMs < electionTimeoutMs, `${load.longestGapMs} ms without a write`);
  });
});
