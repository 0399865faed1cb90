import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { KvorumClient } from '../../src/client/index.js';
import type { ClusterMember } from './processes/cluster-member.js';
import { within } from './processes/deadline.js';
import { ProcessCluster } from './processes/process-cluster.js';

const entriesKept = 20;
const flags = [`-log-entries-kept=${entriesKept}`];
/** Large enough that its way to another member can be broken off in the middle. */
const valueCount = 40;
const value = 'x'.repeat(384 * 1024);

/** One after the other, so that each is an entry of its own, and the log is cut behind them. */
async function fill(client: KvorumClient, count: number, text: string): Promise<void> {
  for (let at = 0; at < count; at++) await client.set(`key-${at}`, text);
}

/** Kills `victim` once a part of the snapshot has reached `receiver`. */
async function breakOff(receiver: ClusterMember, victim: ClusterMember): Promise<void> {
  await receiver.process.event('receiving a snapshot');
  const folder = join(receiver.dataDir, 'state');
  // Of the state that is in use, and of the one that arrives.
  const sizes = async (): Promise<number[]> => {
    const names = (await readdir(folder)).filter((name) => name.startsWith('state-')).sort();
    return Promise.all(names.map(async (name) => (await stat(join(folder, name, 'data.mdb'))).size));
  };
  const partArrived = async (): Promise<void> => {
    while (((await sizes().catch(() => []))[1] ?? 0) < 2 * value.length) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await within('part of a snapshot', partArrived());
  await victim.crash();
}

async function assertComplete(member: ClusterMember): Promise<void> {
  const client = member.client();
  for (let at = 0; at < valueCount; at++) assert.equal((await client.get(`key-${at}`))?.length, value.length);
  assert.equal(await client.get('last'), 'written');
}

describe('a member that was away for longer than the log is kept', () => {
  it('returns by a snapshot', async (t) => {
    await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader(client);
      const away = cluster.members.find((member) => member !== leader)!;
      await away.crash();
      await fill(client, 5 * entriesKept, 'small');
      await away.start();
      await away.process.event('snapshot installed');
      assert.equal(await away.client().get(`key-${5 * entriesKept - 1}`), 'small');
      // And goes on by the log from there.
      await client.set('last', 'written');
      assert.equal(await away.client().get('last'), 'written');
    });
  });

  it('begins anew with a snapshot in the middle of which it was killed, and leaves nothing of it', async (t) => {
    await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader(client);
      const away = cluster.members.find((member) => member !== leader)!;
      await away.crash();
      await fill(client, valueCount, value);
      await client.set('last', 'written');
      away.launch();
      await breakOff(away, away);
      await away.start();
      await away.process.event('snapshot installed');
      await assertComplete(away);
      const states = (await readdir(join(away.dataDir, 'state'))).filter((name) => name.startsWith('state-'));
      assert.equal(states.length, 1);
    });
  });

  it('gets a new snapshot when its sender was killed in the middle', async (t) => {
    await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader(client);
      const [away, other] = cluster.members.filter((member) => member !== leader);
      await away!.crash();
      await fill(client, valueCount, value);
      await client.set('last', 'written');
      await away!.start();
      await breakOff(away!, leader);
      await within('snapshot of the new leader', away!.process.event('snapshot installed'));
      await assertComplete(away!);
      await leader.start();
      await assertComplete(leader);
      await assertComplete(other!);
    });
  });
});
