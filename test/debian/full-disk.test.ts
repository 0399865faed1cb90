import assert from 'node:assert/strict';
import { cp, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KvorumError, type KvorumClient } from '../../src/client/index.js';
import type { ClusterMember } from '../system/processes/cluster-member.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { skipUnlessRoot } from './needs.js';
import { diskCommands, SmallDisk } from './small-disk.js';
import { assertSaidDiskFailed, assertSaidDiskIsFull, isCrashOfLmdb } from './stopped-by-disk.js';

const skip = skipUnlessRoot({ commands: diskCommands });
const diskSizeMebibytes = 160;
const otherSizeMebibytes = 60;
/** So large that few writes fill a disk: each of them waits for several syncs. */
const valueSizeBytes = 512 * 1024;

/** Writes one key after the other until it is stopped, and knows what was acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly failed: KvorumError[] = [];
  readonly #client: KvorumClient;
  #stopping = false;

  constructor(client: KvorumClient) {
    this.#client = client;
  }

  async run(): Promise<void> {
    for (let at = 0; !this.#stopping; at++) {
      const key = `key-${at}`;
      try {
        await this.#client.set(key, valueOf(key));
        this.acknowledged.push(key);
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        // The test has failed elsewhere, and says so.
        if (error.code === 'CLIENT_CLOSED') return;
        this.failed.push(error);
      }
    }
  }

  stop(): void {
    this.#stopping = true;
  }
}

function valueOf(key: string): string {
  return key.padEnd(valueSizeBytes, '.');
}

async function assertHolds(member: ClusterMember, keys: readonly string[]): Promise<void> {
  const client = member.client();
  for (const key of keys) assert.equal(await client.get(key), valueOf(key), `${key} at ${member.name}`);
}

describe('a disk that is full', { skip }, () => {
  for (const leads of [true, false]) {
    it(`stops the ${leads ? 'leader' : 'follower'} whose it is; the others go on, and it comes back`, async (t) => {
      await ProcessCluster.run(t, { size: 2 }, async (cluster) => {
        const disk = await SmallDisk.make(join(cluster.folder, 'small'), diskSizeMebibytes);
        try {
          const member = cluster.add('node3', { folder: disk.path });
          await member.start(`-join=${cluster.member('node1').endpoint}`);
          await cluster.voters(cluster.member('node1'), 3);
          const client = cluster.client();
          if (leads) await client.transferLeadership('node3');
          await disk.takeSpace(otherSizeMebibytes);

          const writer = new Writer(client);
          const writing = writer.run();
          const exit = await member.process.ended();
          const before = writer.acknowledged.length;
          t.diagnostic(member.process.log.plain.join('\n'));
          assertSaidDiskIsFull(member.process, exit);
          while (writer.acknowledged.length < before + 20) await client.get('key-0');
          writer.stop();
          await writing;

          await disk.freeSpace();
          await member.start();
          await assertHolds(member, writer.acknowledged);
          t.diagnostic(`${writer.acknowledged.length} writes acknowledged, ${writer.failed.length} failed`);
          for (const { code } of writer.failed) assert.equal(code, 'OUTCOME_UNKNOWN');
        } finally {
          for (const { process } of cluster.members) process.signal('SIGKILL');
          await Promise.all(cluster.members.map(({ process }) => process.ended()));
          await disk.remove();
        }
      });
    });
  }

  it('stops the only member of a cluster, which comes back with every acknowledged write', async (t) => {
    await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
      const disk = await SmallDisk.make(join(cluster.folder, 'small'), diskSizeMebibytes);
      try {
        const member = cluster.add('node1', { folder: disk.path });
        await member.start('-bootstrap');
        await disk.takeSpace(otherSizeMebibytes);
        const writer = new Writer(cluster.client());
        const writing = writer.run();
        assertSaidDiskIsFull(member.process, await member.process.ended());
        writer.stop();
        await disk.freeSpace();
        await member.start();
        await writing;
        await assertHolds(member, writer.acknowledged);
        t.diagnostic(`${writer.acknowledged.length} writes acknowledged`);
      } finally {
        if (cluster.members[0]!.isRunning) await cluster.members[0]!.crash();
        await disk.remove();
      }
    });
  });
});

/** The log of a member on a disk of its own. */
async function moveLog(member: ClusterMember, disk: SmallDisk): Promise<void> {
  await member.stop();
  const [from, to] = [join(member.dataDir, 'wal'), join(disk.path, 'wal')];
  await cp(from, to, { recursive: true });
  await rm(from, { recursive: true });
  await symlink(to, from);
  await member.start();
}

describe('a disk whose sync fails', { skip }, () => {
  // Behind the disk there is no space for a second segment of the log, or for much of a state.
  for (const { what, backingMebibytes } of [
    { what: 'state', backingMebibytes: 48 },
    { what: 'log', backingMebibytes: 24 },
  ]) {
    it(`under its ${what} stops the leader; the others go on, and it comes back when it is mended`, async (t) => {
      await ProcessCluster.run(t, { size: 2 }, async (cluster) => {
        const disk = await SmallDisk.makeFailing(join(cluster.folder, 'failing'), 256, backingMebibytes);
        try {
          const member = cluster.add('node3', what === 'log' ? {} : { folder: disk.path });
          await member.start(`-join=${cluster.member('node1').endpoint}`);
          await cluster.voters(cluster.member('node1'), 3);
          if (what === 'log') await moveLog(member, disk);
          const client = cluster.client();
          await client.transferLeadership('node3');
          const writer = new Writer(client);
          const writing = writer.run();
          const exit = await member.process.ended();
          t.diagnostic(member.process.log.plain.at(-1)!);
          if (what === 'log' || !isCrashOfLmdb(exit)) assertSaidDiskFailed(member.process, exit);
          else
            t.diagnostic(
              `${exit.signal}: LMDB wrote the error past its buffer, src/storage/backend/DESIGN.md`,
            );
          writer.stop();
          await writing;
          await client.set('after', 'the failure');
          await disk.mend(256);
          await member.start();
          await assertHolds(member, writer.acknowledged);
          assert.equal(await member.client().get('after'), 'the failure');
          t.diagnostic(`${writer.acknowledged.length} writes acknowledged, ${writer.failed.length} failed`);
        } finally {
          for (const each of cluster.members) if (each.isRunning) await each.crash();
          await disk.remove();
        }
      });
    });
  }
});
