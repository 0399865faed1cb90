import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from './processes/deadline.js';
import { ProcessCluster } from './processes/process-cluster.js';

describe('a leader that was paused while another one was elected', () => {
  for (const leaseReads of [false, true]) {
    it(`serves no stale read when it wakes up, lease reads ${leaseReads ? 'on' : 'off'}`, async (t) => {
      await ProcessCluster.run(t, { size: 3, flags: [`-lease-reads=${leaseReads}`] }, async (cluster) => {
        const client = cluster.client();
        await client.set('k', 'old');
        const leader = await cluster.leader(client);
        const others = cluster.members.filter((member) => member !== leader);
        // Connections of their own, so that each read waits in a socket of the paused process.
        const readers = Array.from({ length: 8 }, () => leader.client());
        for (const reader of readers) assert.equal(await reader.get('k'), 'old');

        leader.pause();
        const reads = readers.map((reader) => reader.get('k'));
        await Promise.race(
          others.map(({ process }) => process.event('role and term', { role: 'leader' }, process.log.length)),
        );
        await others[0]!.client().set('k', 'new');
        leader.resume();
        // The write was acknowledged, though after these reads began; reads that begin now must see it as well.
        const later = readers.map((reader) => reader.get('k'));
        for (const value of await within('answer of the woken leader', Promise.all(later))) {
          assert.equal(value, 'new');
        }
        await Promise.all(reads);
        await client.set('k', 'newest');
        assert.equal(await leader.client().get('k'), 'newest');
      });
    });
  }
});
