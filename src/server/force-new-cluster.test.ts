import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import type { KvorumError } from '../base/errors.js';
import { connect, type KvorumClient } from '../client/index.js';
import { encodeCommandBatch } from '../fsm/command-codec.js';
import { walFolder } from '../member/open.js';
import { DataFolder } from '../storage/data-folder/data-folder.js';
import { Wal } from '../storage/wal/wal.js';
import { ownLoopback } from '../testing/own-loopback.js';
import { placeOf, RunningServers } from '../testing/running-servers.js';
import { describeNewCluster, forceNewCluster } from './force-new-cluster.js';
import type { RunningServer } from './server.js';

function clientOf(t: TestContext, endpoints: string | readonly string[]): KvorumClient {
  const client = connect({ endpoints });
  t.after(() => client.close());
  return client;
}

/** Of three, with a few keys, all of which have stopped. */
async function lostCluster(t: TestContext) {
  const servers = await RunningServers.in(t);
  const all = (await servers.cluster(3, ownLoopback())) as [RunningServer, RunningServer, RunningServer];
  const client = clientOf(t, all[0].grpcAddress);
  for (const key of ['a', 'b', 'c']) await client.set(key, `${key}-value`);
  const { clusterId } = await client.status();
  await Promise.all(all.map((server) => server.stop()));
  return { servers, all, client, clusterId, dataDir: all[0].dataDir };
}

async function identityIn(dataDir: string): Promise<Record<string, string>> {
  return JSON.parse(await readFile(join(dataDir, 'identity.json'), 'utf8')) as Record<string, string>;
}

/** Puts a write behind the log of a member that does not run: of the leader, and committed as far as anybody knows nowhere. */
async function appendWrite(dataDir: string, key: string, value: string): Promise<number> {
  const folder = await DataFolder.openExisting(dataDir);
  const { clusterId, memberId } = folder.identity!;
  const { wal, recovered } = await Wal.open(folder.disk, walFolder, {}, { clusterId, memberId });
  const put = {
    type: 'put',
    key: encodeUtf8(key),
    value: encodeUtf8(value),
    lease: 0n,
    previous: false,
  } as const;
  const data = encodeCommandBatch({ proposer: 1n, sequence: 1, commands: [put] });
  const index = recovered.terms.lastIndex + 1;
  await wal.append({ entries: [{ index, term: recovered.hardState.term, type: 'normal', data }] });
  await wal.close();
  await folder.close();
  return index;
}

describe('a new cluster of a survivor', () => {
  it('holds all that the survivor held, and nobody else', async (t) => {
    const { servers, all, client, clusterId, dataDir } = await lostCluster(t);
    const [first, second, third] = all;
    const index = await appendWrite(dataDir, 'late', 'late-value');
    const before = await identityIn(dataDir);
    const plan = (await describeNewCluster(dataDir)).join('\n');
    assert.match(plan, new RegExp(`log ends at entry ${index} of term \\d+, 3 members voted there`));
    assert.match(plan, new RegExp(`entr(y|ies .* to) ${index} may not have been committed`));
    for (const { name, raftAddress } of [second, third]) {
      assert.match(
        plan,
        new RegExp(`^${name} \\([0-9a-f]{16}\\) at ${raftAddress} is out of it for ever$`, 'm'),
      );
    }
    assert.deepEqual(await identityIn(dataDir), before);

    const [done] = await forceNewCluster(dataDir);
    assert.match(done!, /^cluster [0-9a-f]{16} has node1 as its sole member: start it as always$/);
    const again = await servers.start(placeOf(first));
    const fresh = clientOf(t, again.grpcAddress);
    const { clusterId: newId, members } = await fresh.members();
    assert.notEqual(newId, clusterId);
    assert.deepEqual(
      members.map(({ name, voter }) => [name, voter]),
      [['node1', true]],
    );
    for (const key of ['a', 'b', 'c', 'late']) assert.equal(await fresh.get(key), `${key}-value`);
    // Whoever had talked to the old cluster is told.
    await assert.rejects(client.get('a'), { code: 'WRONG_CLUSTER' });

    // The others come back neither with their addresses, nor by being told to join.
    await assert.rejects(servers.start({ ...placeOf(second), join: [first.grpcAddress] }), {
      code: 'WRONG_CLUSTER',
    });
    const old = await Promise.all([second, third].map((each) => servers.start(placeOf(each))));
    await fresh.set('a', 'new');
    const apart = clientOf(
      t,
      old.map(({ grpcAddress }) => grpcAddress),
    );
    assert.equal(await apart.get('a'), 'a-value');
    assert.equal((await fresh.status()).peers.length, 0);
    await Promise.all(old.map((server) => server.stop()));

    const joined = await servers.start({
      ...placeOf(second),
      dataDir: join(servers.folder, 'wiped'),
      join: [again.grpcAddress],
    });
    assert.equal(await clientOf(t, joined.grpcAddress).get('late'), 'late-value');
    await again.stop();
  });

  it('is gone on with where it was cut short, and its member does not start before', async (t) => {
    const { servers, all, dataDir } = await lostCluster(t);
    const [first] = all;
    const oldLog = join(servers.folder, 'old-log');
    await cp(join(dataDir, walFolder), oldLog, { recursive: true });
    const formerClusterId = BigInt(`0x${(await identityIn(dataDir))['clusterId']!}`);
    const cutShort = async (clusterId: bigint): Promise<void> => {
      const folder = await DataFolder.openExisting(dataDir);
      await folder.saveIdentity({ ...folder.identity!, clusterId, state: 'recovering', formerClusterId });
      await folder.close();
    };
    const goesOn = async (): Promise<void> => {
      for (const bootstrap of [false, true]) {
        await assert.rejects(servers.start({ ...placeOf(first), bootstrap }), {
          code: 'DATA_FOLDER_UNUSABLE',
          message: /was cut short: go on with it \(kvorum recover -data-dir=\S+ -force-new-cluster -yes\)/,
        });
      }
      assert.match((await describeNewCluster(dataDir)).join('\n'), /was begun and cut short/);
      await forceNewCluster(dataDir);
      const again = await servers.start(placeOf(first));
      const client = clientOf(t, again.grpcAddress);
      assert.equal(await client.get('c'), 'c-value');
      assert.equal((await client.members()).clusterId, newId);
      await again.stop();
    };
    const newId = 4711n;
    // Before anything else was done.
    await cutShort(newId);
    await goesOn();
    // Before the log was replaced.
    await rm(join(dataDir, walFolder), { recursive: true });
    await cp(oldLog, join(dataDir, walFolder), { recursive: true });
    await cutShort(newId);
    await goesOn();
    // While it was.
    for (const name of await readdir(join(dataDir, walFolder))) await rm(join(dataDir, walFolder, name));
    await cutShort(newId);
    await goesOn();
  });

  it('is not made where the old one lives, or the member needs no other', async (t) => {
    const servers = await RunningServers.in(t);
    const [first] = await servers.cluster(3, ownLoopback());
    const { dataDir } = first!;
    await assert.rejects(forceNewCluster(dataDir), { code: 'DATA_FOLDER_LOCKED' });
    await first!.stop();
    const told = async (): Promise<string> => {
      try {
        return (await describeNewCluster(dataDir)).join('\n');
      } catch (error) {
        return (error as KvorumError).message;
      }
    };
    // The others may be electing.
    let plan = await told();
    for (; !plan.includes('knows a leader'); plan = await told())
      assert.match(plan, /still runs and has entries/);
    const message = /is not lost: node\d at \S+ answers, and knows a leader\. Start node1 as always$/;
    assert.match(plan, message);
    await assert.rejects(forceNewCluster(dataDir), { code: 'INVALID_REQUEST', message });
    const alone = await servers.start({ id: 'alone', bootstrap: true });
    await alone.stop();
    await assert.rejects(forceNewCluster(alone.dataDir), {
      code: 'INVALID_REQUEST',
      message: /alone is the only voter of its cluster and needs no other: start it as always$/,
    });
  });
});
