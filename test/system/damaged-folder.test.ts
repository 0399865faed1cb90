import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ClusterMember } from './processes/cluster-member.js';
import { ProcessCluster } from './processes/process-cluster.js';

const keyCount = 40;
const sectorSizeBytes = 512;

async function fill(member: ClusterMember): Promise<void> {
  const client = member.client();
  for (let at = 0; at < keyCount; at++) await client.set(`key-${at}`, `value-${at}`);
}

async function assertComplete(member: ClusterMember): Promise<void> {
  const client = member.client();
  for (let at = 0; at < keyCount; at++) assert.equal(await client.get(`key-${at}`), `value-${at}`);
}

/** Starts a member that must refuse to. @returns its one line */
async function refusal(
  member: ClusterMember,
  exitCode: number,
  ...flags: readonly string[]
): Promise<string> {
  const process = member.launch(...flags);
  const { code } = await process.ended();
  assert.equal(code, exitCode, process.log.plain.join('\n'));
  assert.equal(process.log.plain.length, 1, process.log.plain.join('\n'));
  return process.log.plain[0]!;
}

async function newestSegment(folder: string): Promise<string> {
  const names = (await readdir(join(folder, 'wal'))).filter((name) => name.endsWith('.wal')).sort();
  return join(folder, 'wal', names.at(-1)!);
}

/** Each start takes a number of its own, and notes it before it looks at the rest, so one that is refused does too. */
function withoutStartEpoch(identity: Buffer): string {
  const { startEpoch, ...rest } = JSON.parse(identity.toString()) as { readonly startEpoch?: unknown };
  assert.equal(typeof startEpoch, 'number');
  return JSON.stringify(rest);
}

async function contents(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((each) => each.isFile() && each.name !== 'LOCK' && each.name !== 'lock.mdb');
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    const bytes = await readFile(path);
    return [path, name === 'identity.json' ? withoutStartEpoch(bytes) : bytes.toString('base64')] as const;
  });
  return new Map(await Promise.all(read));
}

describe('a data folder that is not as it was left', () => {
  it('is refused when a byte in the middle of the log changed, and nothing in it is touched', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      await fill(member);
      await member.crash();
      const path = await newestSegment(member.dataDir);
      const bytes = await readFile(path);
      const at = bytes.indexOf(`value-${keyCount / 2}`);
      assert.ok(at > 0);
      bytes[at]! ^= 1;
      await writeFile(path, bytes);
      const before = await contents(member.dataDir);
      assert.match(await refusal(member, 1), /log segment .* is damaged at offset \d+/);
      assert.deepEqual(await contents(member.dataDir), before);
      bytes[at]! ^= 1;
      await writeFile(path, bytes);
      await member.start();
      await assertComplete(member);
    });
  });

  it('is repaired, and that is logged, when the last write did not arrive in full', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      await fill(member);
      await member.stop();
      const kept = join(cluster.folder, 'kept');
      await cp(member.dataDir, kept, { recursive: true });

      await member.start();
      const client = member.client();
      await client.get('key-0');
      const before = await readFile(await newestSegment(member.dataDir));
      await client.set('torn', 'x'.repeat(20 * sectorSizeBytes));
      await member.crash();
      const after = await readFile(await newestSegment(member.dataDir));

      // As if the power had failed during that write: its first sectors are there, and it was never applied.
      const start = before.findIndex((byte, at) => byte !== after[at]);
      const arrived = (Math.floor(start / sectorSizeBytes) + 5) * sectorSizeBytes;
      after.copy(before, start, start, arrived);
      await rm(member.dataDir, { recursive: true });
      await cp(kept, member.dataDir, { recursive: true });
      await writeFile(await newestSegment(member.dataDir), before);

      const process = await member.start();
      const cut = await process.event('cut the torn end of the log: a write that was never acknowledged');
      assert.equal(cut.level, 'warn');
      assert.ok(Number(cut['bytes']) > 4 * sectorSizeBytes && Number(cut['bytes']) <= arrived - start);
      await assertComplete(member);
      assert.equal(await member.client().get('torn'), undefined);
      await member.client().set('torn', 'again');
      await member.crash();
      await member.start();
      assert.equal(await member.client().get('torn'), 'again');
    });
  });

  it('is refused when the database of its state is garbage or was cut short', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      await fill(member);
      await member.stop();
      const path = join(member.dataDir, 'state', 'state-1', 'data.mdb');
      const whole = await readFile(path);
      for (const damaged of [
        Buffer.alloc(whole.length, 'garbage '),
        Buffer.alloc(0),
        whole.subarray(0, whole.length / 2),
      ]) {
        await writeFile(path, damaged);
        const before = await contents(member.dataDir);
        assert.match(await refusal(member, 1), /state-1\/data\.mdb .*(is no whole database|was cut short): /);
        assert.deepEqual(await contents(member.dataDir), before);
      }
      await writeFile(path, whole);
      await member.start();
      await assertComplete(member);
    });
  });

  it('ends its member when a value in the database has changed, and is replaced; nothing wrong is served', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const [, victim, other] = cluster.members as [ClusterMember, ClusterMember, ClusterMember];
      await fill(victim);
      // The newest changes are read at a start already: these come behind them.
      await victim.client().set('later', 'x'.repeat(20_000));
      await victim.stop();
      const states = join(victim.dataDir, 'state');
      const generation = await readFile(join(states, 'CURRENT'), 'utf8');
      const path = join(states, `state-${generation}`, 'data.mdb');
      const bytes = await readFile(path);
      let places = 0;
      for (let at = bytes.indexOf('value-7'); at >= 0; at = bytes.indexOf('value-7', at + 1)) {
        bytes[at]! ^= 1;
        places++;
      }
      assert.ok(places > 0);
      await writeFile(path, bytes);

      const process = await victim.start();
      await assertComplete(other);
      await assert.rejects(victim.client(2000).get('key-7'));
      const { code } = await process.ended();
      assert.equal(code, 1);
      assert.match(
        process.log.plain.join('\n'),
        /data\.mdb holds a row that is not as it was written: .*join it anew/,
      );
      await assertComplete(other);

      await other.client().removeMember(victim.name);
      const successor = cluster.add('node4');
      await successor.start(`-join=${other.endpoint}`);
      await assertComplete(successor);
    });
  });

  it('is refused when its log or its state is gone', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      await fill(member);
      await member.stop();
      const kept = join(cluster.folder, 'kept');
      await cp(member.dataDir, kept, { recursive: true });
      for (const lost of [['wal'], ['state'], ['wal', 'state', 'snapshot']]) {
        for (const name of lost) await rm(join(member.dataDir, name), { recursive: true, force: true });
        assert.match(await refusal(member, 1), /missing|lost its log/, lost.join());
        assert.match(await refusal(member, 1, '-bootstrap'), /missing|lost its log/, lost.join());
        await rm(member.dataDir, { recursive: true });
        await cp(kept, member.dataDir, { recursive: true });
      }
      await member.start();
      await assertComplete(member);
    });
  });
});

describe('a data folder of a member that was killed while it founded a cluster', () => {
  it('is taken up again', async (t) => {
    await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
      const member = cluster.add('node1');
      await member.launch('-bootstrap').event('founding a new cluster');
      await member.crash();
      await member.start();
      await fill(member);
      await assertComplete(member);
    });
  });
});

describe("a data folder that is somebody else's", () => {
  it('is refused with one line that says what to do, and its owner is not disturbed', async (t) => {
    await ProcessCluster.run(t, { size: 2 }, async (cluster) => {
      const [owner, other] = [cluster.member('node1'), cluster.member('node2')];
      await fill(owner);

      const second = cluster.add('node1');
      assert.match(await refusal(second, 1), /is in use by another process \(pid \d+\)/);

      const foreign = cluster.add('node3');
      await mkdir(foreign.dataDir);
      await writeFile(join(foreign.dataDir, 'letter.txt'), 'dear reader');
      assert.match(await refusal(foreign, 1, '-bootstrap'), /not empty and not Kvorum's .*-data-dir/);

      const empty = cluster.add('node4');
      assert.match(await refusal(empty, 2), /is empty: start with -bootstrap .*-join/);
      assert.match(await refusal(empty, 2, '-bootstrap', `-join=${owner.endpoint}`), /exclude each other/);

      await other.stop();
      await cp(other.dataDir, join(cluster.folder, 'node5'), { recursive: true });
      assert.match(await refusal(cluster.add('node5'), 1), /belongs to member node2, not node5/);
      await other.start();
      await assertComplete(other);
    });
  });

  it('may not be used by two processes: the one that was started first ends', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const [owner] = cluster.members;
      await fill(owner!);
      const copied = cluster.members[2]!;
      await copied.stop();
      // It would begin anew under an id that has voted: what it acknowledged would be forgotten.
      const identity = join(copied.dataDir, 'identity.json');
      const text = await readFile(identity, 'utf8');
      await writeFile(identity, text.replace('"member"', '"joining"'));
      assert.match(
        await refusal(copied, 1, `-join=${owner!.endpoint}`),
        /has been up already, with another data/,
      );
      await writeFile(identity, text);
      const folder = join(cluster.folder, 'elsewhere');
      await cp(copied.dataDir, join(folder, copied.name), { recursive: true });
      await copied.start();
      const older = copied.process;
      const copy = cluster.add(copied.name, { folder });
      await copy.start();
      assert.equal((await older.ended()).code, 7);
      assert.match(older.log.plain.join('\n'), /was started later: a copy of its data folder is in use/);
      await assertComplete(copy);
      await assertComplete(owner!);
    });
  });
});
