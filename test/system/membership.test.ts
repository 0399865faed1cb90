import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KvorumError } from '../../src/client/index.js';
import { checkRegisters } from './history/register.js';
import { RegisterLoad } from './history/register-load.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { drawSeed } from './processes/seed.js';

const removedExitCode = 5;
const refusedWith = (code: string) => (error: unknown) => error instanceof KvorumError && error.code === code;

describe('members that come and go', () => {
  it('replaces the leader by a new member under load', async (t) => {
    const seed = drawSeed(t);
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const client = cluster.client();
      const load = RegisterLoad.start({ callers: cluster.callers(4), keys: ['a', 'b'], seed });
      await load.moreWrites(50);

      const old = await cluster.leader(client);
      const through = cluster.members.find((member) => member !== old)!;
      const joined = cluster.add('node4');
      await joined.start(`-join=${through.endpoint}`);
      await cluster.voters(joined, 4);
      await load.moreWrites(50);

      await client.removeMember(old.name);
      const { code } = await old.process.ended();
      assert.equal(code, removedExitCode);
      assert.match(
        old.process.log.plain.join('\n'),
        new RegExp(`member ${old.name} was removed from the cluster`),
      );
      await load.moreWrites(50);
      await load.stop();
      t.diagnostic(load.summary);
      checkRegisters(load.operations);
      assert.equal(load.refused.length, 0, load.refused[0]?.message);

      // With its old folder it is sent away; with an empty one it is a new member.
      const again = old.launch();
      assert.equal((await again.ended()).code, removedExitCode);
      assert.match(again.log.plain.join('\n'), /was removed/);
      await rm(old.dataDir, { recursive: true });
      await old.start(`-join=${joined.endpoint}`);
      await cluster.voters(old, 4);
      const values = await Promise.all(
        cluster.members.map(async (member) => {
          const own = member.client();
          return [await own.get('a'), await own.get('b')];
        }),
      );
      for (const each of values) assert.deepEqual(each, values[0]);
    });
  });

  it('takes a second join of the same member as done, and refuses what is taken', async (t) => {
    await ProcessCluster.run(t, { size: 2 }, async (cluster) => {
      const [node1, node2] = [cluster.member('node1'), cluster.member('node2')];
      const client = cluster.client();
      const before = await client.members();
      const { id } = before.members.find(({ name }) => name === 'node2')!;
      const request = { name: 'node2', raftAddress: node2.raftAddress };
      assert.equal((await client.join({ ...request, id })).memberId, id);
      assert.equal((await client.join(request)).memberId, id);
      await assert.rejects(
        client.join({ ...request, raftAddress: '127.0.0.1:9' }),
        refusedWith('MEMBER_NAME_TAKEN'),
      );
      await assert.rejects(client.join({ ...request, name: 'node3' }), refusedWith('MEMBER_ADDRESS_TAKEN'));

      // The whole process with the flags of its first start.
      await node2.stop();
      await node2.start(`-join=${node1.endpoint}`);
      await client.set('k', 'v');
      assert.equal(await node2.client().get('k'), 'v');
      assert.equal((await client.members()).members.length, 2);

      // An empty folder under a name that is in use: refused, and the member that has it goes on.
      const impostor = cluster.add('node2', { folder: join(cluster.folder, 'elsewhere') });
      const refused = impostor.launch(`-join=${node1.endpoint}`);
      assert.equal((await refused.ended()).code, 1);
      assert.match(refused.log.plain.join(), /id node2 is taken by the member at/);
      await client.set('k', 'w');
      assert.equal(await node2.client().get('k'), 'w');
    });
  });

  it('refuses to remove a member whose loss would leave no majority', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader(client);
      const [dead, alive] = cluster.members.filter((member) => member !== leader);
      await dead!.crash();
      // Of three voters two are alive: without one of these, one of two would be left.
      const refused = refusedWith('QUORUM_WOULD_BE_LOST');
      await assert.rejects(client.removeMember(alive!.name), refused);
      await assert.rejects(client.removeMember(leader.name), refused);
      await client.set('k', 'v');
      // The dead one can go; the two go on, and the last one must stay.
      await client.removeMember(dead!.name);
      await client.set('k', 'w');
      assert.equal(await alive!.client().get('k'), 'w');
      await client.removeMember(leader.name);
      assert.equal((await leader.process.ended()).code, removedExitCode);
      const last = alive!.client();
      await assert.rejects(last.removeMember(alive!.name), refused);
      assert.equal(await last.get('k'), 'w');
    });
  });
});
